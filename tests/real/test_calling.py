"""The callers and agents of the tests themselves, on the real Asterisk: `mesa call`, agents' telephones, and the bench."""
from threading import Thread

from callcenter.following import Ended, Spoken
from callcenter.listening import Met, Prompted, Queued
from callcenter.outcome import Outcome
from tests.real.instance import RealMesa
from tests.real.phones import agent, call, caller


def test_mesa_call_tells_what_the_caller_hears(mesa: RealMesa) -> None:
    told = mesa.json('call', '8005550101', '--from', '5555550101', '--keys', '1,2,2,2', '--wait', '1')
    assert (told['outcome'], told['queue']) == ('queued', 'nopalera-standard')
    prompts = [heard['prompt'] for heard in told['heard']]
    assert prompts[:2] == ['site/nopalera-greeting', 'mesa/menu-new']
    assert told['heard'][1]['text'] == 'Para reportar un incidente nuevo, marque uno.'
    spoken = prompts[prompts.index('mesa/your-folio') + 1:][:8]
    assert ''.join(digit.removeprefix('digits/') for digit in spoken) == told['folio']
    assert told['keys'] == ['1', '2', '2', '2']
    assert 0 < told['first_audio_s']['from_answer'] < 2
    shown = mesa.json('folio', 'show', told['folio'])
    assert told['linkedid'] in str(shown)


def test_mesa_call_line_by_line_and_hanging_up_at_a_prompt(mesa: RealMesa) -> None:
    done = mesa.mesa('call', '+528005550101', '--from', '+525555550101', '--keys', 'w,h')
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ['0.00', 's', 'dials']
    assert lines[-1].startswith('outcome: hung_up')
    assert any('hears     mesa/menu-again' in line and 'No entendimos su selección.' in line for line in lines)


def test_a_number_that_is_not_ours_is_refused(mesa: RealMesa) -> None:
    done = mesa.mesa('call', '8005550199', '--from', '5555550101')
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == 'outcome: rejected, 404 Not Found'


def test_like_callers_at_once_hear_each_his_own_call(mesa: RealMesa) -> None:
    outcomes: dict[str, Outcome] = {}

    def ring(keys: str) -> None:
        outcomes[keys] = call(mesa.instance, '8005550101', '5555550101', keys)

    threads = [Thread(target=ring, args=(keys,)) for keys in ('h', '1,h', '1,2,h')]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert {keys: outcome.keys for keys, outcome in outcomes.items()} == {'h': (), '1,h': ('1',), '1,2,h': ('1', '2')}
    assert {outcome.outcome for outcome in outcomes.values()} == {'hung_up'}
    assert len({outcome.linkedid for outcome in outcomes.values()} - {None}) == 3
    asked = {keys: 'mesa/describe-offer' in [heard['prompt'] for heard in outcome.heard] for keys, outcome in outcomes.items()}
    assert asked == {'h': False, '1,h': False, '1,2,h': True}


def test_a_caller_and_an_agent_hear_each_other(mesa: RealMesa) -> None:
    with agent(mesa.instance, 'ana') as ana, caller(mesa.instance, '8005550101', '5555550101') as someone:
        someone.dial()
        someone.expect_prompt('mesa/menu-agent')
        someone.press('0')
        someone.expect_prompt('mesa/your-folio')
        someone.press('2')
        assert someone.expect(Queued).queue == 'nopalera-standard'
        assert '5555550101' in ana.expect_ring()
        ana.answer()
        someone.expect(Met)
        someone.speak(1.0)
        ana.expect_audio()
        someone.expect(Spoken)
        ana.hang_up()
        assert someone.expect(Ended).code == 200
        assert not any(isinstance(happening, Prompted) for happening in someone.story[-2:])


def test_the_bench_finds_every_folio(mesa: RealMesa) -> None:
    told = mesa.json('bench', 'calls', '--rates', '10', '--seconds', '3')
    assert told['folios'] == {'calls': 30, 'found': 30, 'distinct': 30, 'passes': True}
    assert [(run['path'], run['calls'], run['failed']) for run in told['runs']] == [('native', 30, 0), ('full', 30, 0)]
    assert all(run['asterisk_cpu_ms'] > 0 and run['p50_ms'] <= run['p99_ms'] for run in told['runs'])
