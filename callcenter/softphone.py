"""One SIP telephone with a null sound card, driven by lines of JSON on standard input; `python -m callcenter.softphone`.

PJSIP takes its whole process down when it fails, so it lives in a process of its own; `callcenter/phone.py` is the
other end of the pipe. The first line says who the phone is, every further line is one command of `Softphone.do`,
and every line printed is one event: `{"event": ..., "at": <monotonic seconds>, ...}`. End of input means: hang up and leave.
"""
from __future__ import annotations

import json
import math
import os
import queue
import secrets
import struct
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pjsua2 as pj

TURN_MS = 10
AUDIBLE_LEVEL = 5                                      # of 255, PJMEDIA's scale: prompts reach 25, silence stays at 0
RATE = 8000
BUSY_HERE = 486

Report = Callable[..., None]


class Leg(pj.Call):                                    # type: ignore[misc]
    """One call of this phone. Its callbacks only note what happened; the phone's loop acts on it."""

    def __init__(self, account: pj.Account, report: Report, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self._report = report
        self.listeners: list[pj.AudioMedia] = []
        self.audio: pj.AudioMedia | None = None
        self.over = False
        self.heard = False

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        self._report('state', state=info.stateText, code=info.lastStatusCode, reason=info.lastReason, sip_id=info.callIdString)
        self.over = info.state == pj.PJSIP_INV_STATE_DISCONNECTED

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        info = self.getInfo()                          # kept by name: its media list lives in it, not beside it
        if not any(media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE for media in info.media):
            self.audio = None
            return
        self.audio = self.getAudioMedia(-1)
        for listener in self.listeners:
            self.audio.startTransmit(listener)
        self._report('media')


class Line(pj.Account):                                # type: ignore[misc]
    """This phone's identity at the server: takes calls, tells how a registration went."""

    def __init__(self, phone: Softphone) -> None:
        super().__init__()
        self._phone = phone

    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        self._phone.report('registration', code=prm.code, reason=prm.reason, active=self.getInfo().regIsActive)

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._phone.ring(Leg(self, self._phone.report, prm.callId))


class Softphone:
    """The telephone: at most one call, all of PJSIP on one thread."""

    def __init__(self, who: dict[str, Any], out: TextIO) -> None:
        self._out = out
        self._server = who['server']
        self._registers = bool(who.get('secret'))
        self._auto_answer_s: float | None = who.get('auto_answer_s')
        self._leg: Leg | None = None
        self._recorder: pj.AudioMediaRecorder | None = None
        self._player: pj.AudioMediaPlayer | None = None
        self._keys: list[str] = []
        self._speak_until: float | None = None
        self._answer_at: float | None = None
        self._wav: str | None = None
        self._tone = Path(tempfile.gettempdir()) / f'mesa-tone-{os.getpid()}-{secrets.token_hex(4)}.wav'
        self._endpoint = endpoint()
        transport = pj.TransportConfig()
        transport.boundAddress = who['address']
        transport.port = who.get('port', 0)
        self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        self._line = Line(self)
        self._line.create(account(who))

    def report(self, event: str, **facts: object) -> None:
        """Print one event."""
        self._out.write(json.dumps({'event': event, 'at': time.monotonic(), **facts}) + '\n')
        self._out.flush()

    def do(self, command: dict[str, Any]) -> None:
        """Carry out one command; what PJSIP refuses is reported as an event `refused`, never fatal."""
        verbs = {'call': self._call, 'press': self._press, 'speak': self._speak, 'listen': self._listen, 'answer': self._answer,
                 'hang_up': self._hang_up}
        arguments = dict(command)
        verb = arguments.pop('do')
        try:
            verbs[verb](**arguments)
        except pj.Error as error:
            self.report('refused', command=verb, reason=error.reason)

    def turn(self) -> None:
        """Let PJSIP work for some milliseconds, then do what has become due."""
        self._endpoint.libHandleEvents(TURN_MS)
        leg = self._leg
        if leg is None:
            return
        if leg.over:
            self._forget()
            return
        now = time.monotonic()
        if self._answer_at is not None and now >= self._answer_at:
            self._answer()
        if leg.audio is None:
            return
        if self._keys:
            leg.dialDtmf(self._keys.pop(0))
        if self._speak_until is not None and now >= self._speak_until:
            self._be_quiet()
        if not leg.heard and leg.audio.getTxLevel() > AUDIBLE_LEVEL:   # "Tx" is what this port gives to the bridge
            leg.heard = True
            self.report('audio')

    def ring(self, leg: Leg) -> None:
        """A call has come in: ring, or say busy when there is one already."""
        answer = pj.CallOpParam(True)
        if self._leg is not None:
            answer.statusCode = BUSY_HERE
            leg.answer(answer)
            return
        self._leg = leg
        self._attach_listeners(leg, self._wav)
        answer.statusCode = pj.PJSIP_SC_RINGING
        leg.answer(answer)
        info = leg.getInfo()
        self.report('ringing', remote=info.remoteUri, local=info.localUri, sip_id=info.callIdString)
        if self._auto_answer_s is not None:
            self._answer_at = time.monotonic() + self._auto_answer_s

    def close(self) -> None:
        """Hang up, unregister and let go of PJSIP; calls go before their endpoint."""
        if self._leg is not None and not self._leg.over:
            self._endpoint.hangupAllCalls()
            deadline = time.monotonic() + 1
            while not self._leg.over and time.monotonic() < deadline:
                self._endpoint.libHandleEvents(TURN_MS)
        self._forget()
        self._unregister()
        self._line.shutdown()
        self._endpoint.libDestroy()
        self._tone.unlink(missing_ok=True)

    def _unregister(self) -> None:
        if not self._registers or not self._line.getInfo().regIsActive:
            return
        self._line.setRegistration(False)
        deadline = time.monotonic() + 1
        while self._line.getInfo().regIsActive and time.monotonic() < deadline:
            self._endpoint.libHandleEvents(TURN_MS)

    def _call(self, number: str, headers: dict[str, str], wav: str | None = None) -> None:
        leg = Leg(self._line, self.report)
        self._attach_listeners(leg, wav)
        request = pj.CallOpParam(True)
        for name, value in headers.items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            request.txOption.headers.append(header)
        self._leg = leg
        self.report('invite')
        try:
            leg.makeCall(f'sip:{number}@{self._server}', request)
        except pj.Error:
            self._forget()
            raise

    def _attach_listeners(self, leg: Leg, wav: str | None) -> None:
        # A port without a listener is not clocked: the null sound card keeps the level meter alive without a recording.
        leg.listeners.append(self._endpoint.audDevManager().getPlaybackDevMedia())
        if wav is not None:
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(wav)
            leg.listeners.append(self._recorder)

    def _press(self, digits: str) -> None:
        self._keys.append(digits)

    def _speak(self, seconds: float) -> None:
        if self._leg is None or self._leg.audio is None:
            return
        if not self._tone.exists():
            write_tone(self._tone)
        if self._player is None:
            self._player = pj.AudioMediaPlayer()
            self._player.createPlayer(str(self._tone))
        self._player.startTransmit(self._leg.audio)
        self._speak_until = time.monotonic() + seconds

    def _be_quiet(self) -> None:
        self._speak_until = None
        if self._player is not None and self._leg is not None and self._leg.audio is not None:
            self._player.stopTransmit(self._leg.audio)
        self.report('spoken')

    def _listen(self, wav: str | None = None) -> None:
        """Tell again when audio is next heard; `wav` records the calls that come in from now on."""
        self._wav = wav
        if self._leg is not None:
            self._leg.heard = False

    def _answer(self) -> None:
        self._answer_at = None
        if self._leg is not None:
            answer = pj.CallOpParam(True)
            answer.statusCode = pj.PJSIP_SC_OK
            self._leg.answer(answer)

    def _hang_up(self, code: int = 0) -> None:
        if self._leg is not None:
            request = pj.CallOpParam(True)
            request.statusCode = code
            self._leg.hangup(request)

    def _forget(self) -> None:
        self._answer_at = self._speak_until = None
        self._keys.clear()
        ended = self._leg is not None
        self._leg = self._recorder = self._player = None   # the recorder completes its file's header when it goes
        if ended:
            self.report('over')


def endpoint() -> pj.Endpoint:
    """PJSIP for telephone sound, silent, with no thread of its own for SIP."""
    settings = pj.EpConfig()
    settings.uaConfig.threadCnt = 0
    settings.uaConfig.mainThreadOnly = True
    settings.uaConfig.maxCalls = 4
    settings.logConfig.level = settings.logConfig.consoleLevel = 0
    settings.medConfig.clockRate = settings.medConfig.sndClockRate = RATE
    settings.medConfig.ecTailLen = 0
    settings.medConfig.noVad = True                    # silence is sent too: a real telephone does
    built = pj.Endpoint()
    built.libCreate()
    built.libInit(settings)
    codecs = built.codecEnum2()
    for codec in codecs:
        built.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith('PCMU') else 0)
    return built


def account(who: dict[str, Any]) -> pj.AccountConfig:
    """The identity: a caller's number, or an agent's extension that registers with its password."""
    settings = pj.AccountConfig()
    domain = who['server'] if who.get('secret') else who['address']
    settings.idUri = f'sip:{who["user"]}@{domain}'
    settings.mediaConfig.transportConfig.boundAddress = who['address']
    settings.mediaConfig.transportConfig.port = 0
    settings.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    settings.natConfig.contactRewriteUse = 0
    settings.natConfig.viaRewriteUse = 0
    settings.natConfig.sdpNatRewriteUse = 0
    if who.get('secret'):
        settings.regConfig.registrarUri = f'sip:{who["server"]}'
        settings.sipConfig.authCreds.append(pj.AuthCredInfo('digest', '*', who['user'], 0, who['secret']))
    return settings


def write_tone(path: Path, seconds: float = 1.0) -> None:
    """A wavering tone, so that a silence detector takes it for somebody who speaks."""
    samples = (int(9000 * math.sin(2 * math.pi * (350 + 60 * math.sin(n / 900)) * n / RATE)) for n in range(int(RATE * seconds)))
    with wave.open(str(path), 'wb') as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b''.join(struct.pack('<h', sample) for sample in samples))


def main() -> None:
    """Read who we are, say `ready`, then obey until the input ends."""
    out = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)                                      # whatever a library prints must not look like an event
    phone = Softphone(json.loads(sys.stdin.readline()), out)
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=pump, args=(commands,), daemon=True).start()
    phone.report('ready')
    try:
        while True:
            while not commands.empty():
                line = commands.get()
                if not line:
                    return
                phone.do(json.loads(line))
            phone.turn()
    finally:
        phone.close()


def pump(commands: queue.SimpleQueue[str]) -> None:
    """Move lines of the input to the loop; an empty one means its end."""
    for line in sys.stdin:
        commands.put(line)
    commands.put('')


if __name__ == '__main__':
    main()
