// The telephone of this browser: JsSIP over our own origin's WebSocket, which Mesa carries to Asterisk.
const $ = (id) => document.getElementById(id);
const csrf = () => document.querySelector('meta[name="csrf"]').content;
const channel = new BroadcastChannel('mesa-telefono');
let session = null;

function status(text, kind) {
  $('registro').textContent = text;
  $('registro').className = 'badge ' + kind;
}

function trouble(text) {
  $('problema').textContent = text;
  $('problema').hidden = !text;
}

function buttons(ringing, talking) {
  $('contestar').hidden = !ringing;
  $('colgar').hidden = !(ringing || talking);
  $('silencio').hidden = $('teclado').hidden = !talking;
}

function over(why) {
  session = null;
  $('timbre').pause();
  $('llamada-telefono').textContent = '';
  $('silencio').setAttribute('aria-pressed', 'false');
  buttons(false, false);
  if (why === 'User Denied Media Access') trouble('El navegador no permite usar el micrófono. Permítalo en el candado junto a la dirección.');
}

function answer() {
  if (!session || session.isEstablished()) return;
  trouble('');
  session.answer({mediaConstraints: {audio: true, video: false}, pcConfig: {iceServers: []}});
}

function begin(data) {
  if (session) { data.session.terminate({status_code: 486}); return; }
  session = data.session;
  const incoming = session.direction === 'incoming';
  $('llamada-telefono').textContent = (incoming ? 'Llama ' : 'Llamando a ') + (session.remote_identity.display_name || session.remote_identity.uri.user);
  session.on('peerconnection', ({peerconnection}) => hear(peerconnection));
  if (session.connection) hear(session.connection);
  session.on('accepted', () => { $('timbre').pause(); buttons(false, true); });
  session.on('confirmed', () => { $('timbre').pause(); buttons(false, true); });
  session.on('ended', ({cause}) => over(cause));
  session.on('failed', ({cause}) => over(cause));
  if (incoming) { buttons(true, false); $('timbre').play().catch(() => {}); }
}

function hear(connection) {
  connection.addEventListener('track', (event) => {
    $('otra-voz').srcObject = event.streams[0] || new MediaStream([event.track]);
    $('otra-voz').play().catch(() => trouble('Haga clic en esta ventana para oír la llamada.'));
  });
}

async function start() {
  const answered = await fetch('/telefono/clave', {method: 'POST', body: new URLSearchParams({csrf: csrf()})});
  if (!answered.ok) { status('Sin permiso', 'high'); return; }
  const {user, password, name} = await answered.json();
  const socket = new JsSIP.WebSocketInterface(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/telefono/ws`);
  const agent = new JsSIP.UA({
    sockets: [socket], uri: `sip:${user}@mesa.invalid`, password, display_name: name, register_expires: 120, session_timers: false,
    connection_recovery_min_interval: 1, connection_recovery_max_interval: 8});
  agent.on('registered', () => status('Listo para recibir llamadas', 'low'));
  agent.on('unregistered', () => status('Sin registro', 'medium'));
  agent.on('registrationFailed', () => status('La central no aceptó el registro', 'high'));
  agent.on('disconnected', () => status('Sin conexión: intentando otra vez…', 'high'));
  agent.on('newRTCSession', begin);
  agent.start();
  addEventListener('pagehide', () => agent.stop());
}

$('contestar')?.addEventListener('click', answer);
$('colgar')?.addEventListener('click', () => session?.terminate());
$('silencio')?.addEventListener('click', () => {
  const muted = session?.isMuted().audio;
  if (muted) session.unmute({audio: true}); else session?.mute({audio: true});
  $('silencio').setAttribute('aria-pressed', String(!muted));
});
$('teclado')?.addEventListener('click', (event) => { if (event.target.dataset.digit) session?.sendDTMF(event.target.dataset.digit); });
channel.addEventListener('message', ({data}) => { if (data.do === 'answer') answer(); });
addEventListener('beforeunload', (event) => { if (session) event.preventDefault(); });
if ($('registro')) start().catch(() => status('Sin conexión con Mesa', 'high'));
