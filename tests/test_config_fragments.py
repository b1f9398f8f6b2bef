"""An admin's own dialplan: each mistake is found with its file, line and key, and good dialplan is left alone."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.dialplan_text import matches, parse, split_outside, uncommented
from config.fragments import REFUSED, FragmentKnown, check_fragments

FILE = 'custom/own.conf'
APPLICATIONS = ('Answer Playback Goto GotoIf Gosub GosubIf Set MSet Hangup Return Wait WaitExten NoOp Dial Queue Read Background '
                'While EndWhile ExitWhile System AGI CELGenUserEvent')
KNOWN = FragmentKnown(
    prompts=frozenset({'mesa/greeting', 'site/notice', 'beep'}),
    contexts={'mesa-line': frozenset({'+528005550101'}), 'mesa-queue': frozenset({'nopalera-standard'}), 'mesa-message': frozenset({'s'}),
              'from-agents': frozenset({'1001', '911'})},
    applications=frozenset(APPLICATIONS.split()))


def found(text: str, known: FragmentKnown = KNOWN) -> list[tuple[int, str, str, str]]:
    """(line, key, severity, message) of every problem of one fragment."""
    problems = check_fragments({FILE: text}, known)
    assert {problem.where.file for problem in problems} <= {FILE}
    return [(p.where.line, p.where.key, p.severity, p.message) for p in problems]


GOOD = """
; a comment; with [brackets]
;-- several lines
exten => bad,1,System(rm)
--;
;--------------- a ruler
[custom-before-line]
exten => s,1,NoOp(${CALLERID(num)})
 same => n,GotoIf($["${CALLERID(num)}"="+525555550101"]?known:other)
 same => n(known),Gosub(custom-note,s,1(a,b))
 same => n,Return()
 same => n(other),GotoIf($[${LEN(${CALLERID(num)})}=0]?known)
 same => n,Return()

[custom-note]
exten => s,1,Set(NOTE=${ARG1}\\; and more)
 same => n,Return()

[custom-agents]
include => custom-more
exten => 1900,1,Answer()
 same => n(again),Playback(mesa/greeting&site/notice,noanswer)
 same => n,Goto(again)
exten => _19[1-3]X,1,Goto(mesa-queue,nopalera-standard,1)
exten => 1950,1,Dial(Local/1901@custom-more/n&PJSIP/1001,20)
exten => 1960,1,Goto(custom-agents,1915,1)
exten => 1970/1001,1,Queue(nopalera-standard,,,mesa/greeting,30)
 same => n,Goto(${WHERE},s,1)

[custom-more]
exten => 1901,1,Read(KEYS,site/notice&beep,1)
 same => n,While($[${KEYS}<5])
 same => n,Wait(1)
 same => n,EndWhile()
 same => n,Hangup()
"""


def test_good_dialplan_has_no_problem():
    assert found(GOOD) == []


def lines(*text: str) -> str:
    return '\n'.join(['[custom-a]', *text])


CASES = [
    # (fragment, line, key, severity, words of the message)
    (lines('exten => 1,1,Goto(nowhere)'), 2, 'custom-a,1,1', 'error', "no priority or label 'nowhere'"),
    (lines('exten => 1,1,Goto(2,1)'), 2, 'custom-a,1,1', 'error', "no extension '2'"),
    (lines('exten => 1,1,Goto(custom-b,1,1)'), 2, 'custom-a,1,1', 'error', "no context 'custom-b'"),
    (lines('exten => 1,1,Goto(mesa-queue,no-queue,1)'), 2, 'custom-a,1,1', 'error', "no extension 'no-queue'"),
    (lines('exten => 1,1,Goto(1,7)'), 2, 'custom-a,1,1', 'error', "no priority or label '7'"),
    (lines('exten => 1,1,Goto()'), 2, 'custom-a,1,1', 'error', 'write it as label'),
    (lines('exten => 1,1,Wait(1)', ' same => n,GotoIf($[${A}=1]?1:gone)'), 3, 'custom-a,1,2', 'error', "label 'gone'"),
    (lines('exten => 1,1,GosubIf($[${A}=1]?custom-z,s,1(x,y))'), 2, 'custom-a,1,1', 'error', "no context 'custom-z'"),
    (lines('exten => 1,1,Gosub(custom-z,s,1(x))'), 2, 'custom-a,1,1', 'error', "no context 'custom-z'"),
    (lines('exten => 1,1,Dial(PJSIP/1001&Local/9@custom-a,20)'), 2, 'custom-a,1,1', 'error', "no extension '9'"),
    (lines('exten => 1,1,Queue(no-queue)'), 2, 'custom-a,1,1', 'error', "no queue is called 'no-queue'"),
    (lines('exten => 1,1,Playback(mesa/greeting&mesa/missing)'), 2, 'custom-a,1,1', 'error', "no prompt 'mesa/missing'"),
    (lines('exten => 1,1,Read(K,mesa/missing,1)'), 2, 'custom-a,1,1', 'error', "no prompt 'mesa/missing'"),
    (lines('exten => 1,1,Background(/etc/passwd)'), 2, 'custom-a,1,1', 'error', 'cannot be a prompt'),
    (lines('exten => 1,1,Queue(nopalera-standard,,,mesa/missing)'), 2, 'custom-a,1,1', 'error', "no prompt 'mesa/missing'"),
    (lines('exten => 1,1,Plaback(mesa/greeting)'), 2, 'custom-a,1,1', 'error', "no application 'Plaback'"),
    (lines('exten => 1,1,Set(A=${SHELL(id)})'), 2, 'custom-a,1,1', 'error', 'SHELL() is not allowed'),
    (lines('exten => 1,1,Set(__MESA_RESULT=done)'), 2, 'custom-a,1,1', 'error', 'MESA_ are ours'),
    (lines('exten => 1,1,MSet(A=1,MESA_RESULT=done)'), 2, 'custom-a,1,1', 'error', 'MESA_ are ours'),
    (lines('exten => 1,1,CELGenUserEvent(MESA_DONE,hangup)'), 2, 'custom-a,1,1', 'error', 'MESA_ are ours'),
    (lines('exten => 1,1,Set(DB(mesa/now)=0)'), 2, 'custom-a,1,1', 'error', 'stored under mesa/'),
    ('[from-trunk]\nexten => 1,1,Hangup()', 1, 'from-trunk', 'error', 'may not be redefined'),
    ('[mesa-line]\nexten => 1,1,Hangup()', 1, 'mesa-line', 'error', 'may not be redefined'),
    ('[globals]', 1, 'globals', 'error', 'cannot stand here'),
    ('[custom-a](+)', 1, 'custom-a', 'error', 'templates'),
    (lines('#include "/etc/asterisk/x.conf"'), 2, '#include', 'error', 'not allowed here'),
    (lines('#exec /bin/sh'), 2, '#exec', 'error', 'not allowed here'),
    (lines('switch => Realtime/x@y'), 2, 'custom-a,switch', 'error', "'switch' is not allowed"),
    ('exten => 1,1,Hangup()', 1, 'exten', 'error', 'before the first context'),
    (lines('exten => 1,1'), 2, 'custom-a,1,1', 'error', 'cannot be read'),
    (lines('same => n,Hangup()'), 2, 'custom-a,?,n', 'error', 'cannot be read'),
    (lines('garbage'), 2, 'custom-a', 'error', 'is no dialplan'),
    (lines('exten => 1,1,Hangup()', 'exten => 1,1,Answer()'), 3, 'custom-a,1,1', 'error', f'already that of {FILE}:2'),
    (lines('exten => 1,1,Answer()', 'exten => 1,3,Hangup()'), 3, 'custom-a,1,3', 'error', 'never reached'),
    (lines('exten => 1,1(x),Answer()', ' same => n(x),Hangup()'), 3, 'custom-a,1,2', 'error', "label 'x' is there twice"),
    (lines('include => custom-gone'), 2, 'custom-a,include', 'error', "no context 'custom-gone'"),
    (lines('include => custom-a'), 2, 'custom-a,include', 'error', 'in turn'),
    ('[custom-agents]\ninclude => from-agents', 2, 'custom-agents,include', 'error', 'in turn'),
    ('[custom-agents]\nexten => 911,1,Hangup()', 2, 'custom-agents,911', 'error', 'may not be redefined'),
    ('[custom-agents]\nexten => 1001,1,Hangup()', 2, 'custom-agents,1001', 'error', 'may not be redefined'),
    (lines('exten => 1,1,NoOp()', ' same => n,Goto(1)'), 2, 'custom-a,1,1', 'error', 'for ever'),
    (lines('exten => 1,1,Goto(1)'), 2, 'custom-a,1,1', 'error', 'for ever'),
    (lines('exten => 1,1,Goto(2,1)', 'exten => 2,1,Goto(1,1)'), 2, 'custom-a,1,1', 'error', 'for ever'),
    (lines('exten => 1,1,Gosub(custom-a,1,1)', ' same => n,Return()'), 2, 'custom-a,1,1', 'error', 'for ever'),
    (lines('exten => 1,1(top),GotoIf($[${A}]?top:top)'), 2, 'custom-a,1,1', 'error', 'for ever'),
    (lines('exten => 1,1(top),Set(I=$[${I}+1])', ' same => n,GotoIf($[${I}<9]?top)', ' same => n,Hangup()'), 2, 'custom-a,1,1', 'warning',
     'only a condition ends it'),
    # the circle that waits hides one inside it that does not
    (lines('exten => 1,1(top),Set(A=1)', ' same => n,GotoIf($[${A}]?top)', ' same => n,Wait(1)', ' same => n,Goto(top)'),
     2, 'custom-a,1,1', 'warning', 'only a condition ends it'),
    (lines('exten => 1,1,While($[1])', ' same => n,NoOp()', ' same => n,EndWhile()', ' same => n,Hangup()'), 2, 'custom-a,1,1', 'warning',
     'only a condition ends it'),
    ('[custom-before-line]\nexten => t,1,Return()', 1, 'custom-before-line', 'error', 'begins at s,1'),
    ('[custom-before-line]\nexten => s,1,NoOp()', 2, 'custom-before-line,s,1', 'error', 'without Return()'),
    ('[custom-before-line]\nexten => s,1,GotoIf($[1]?out)\n same => n(out),NoOp()',
     3, 'custom-before-line,s,2', 'error', 'without Return()'),
    ('[custom-before-line]\nexten => s,1,Goto(mesa-message,s,1)', 2, 'custom-before-line,s,1', 'error', 'leads elsewhere'),
    ('[custom-before-line]\nexten => s,1,Goto(${X},1)', 2, 'custom-before-line,s,1', 'error', 'leads elsewhere'),
]


@pytest.mark.parametrize(('text', 'line', 'key', 'severity', 'words'), CASES, ids=[f'{n} {case[-1]}' for n, case in enumerate(CASES)])
def test_each_mistake_alone(text, line, key, severity, words):
    problems = found(text)
    assert [(problem[0], problem[1], problem[2]) for problem in problems] == [(line, key, severity)]
    assert words in problems[0][3]


@pytest.mark.parametrize('application', sorted(REFUSED))
def test_refused_applications(application):
    problems = found(lines(f'exten => 1,1,{application.upper()}(x)'))
    assert [(line, key) for line, key, *_ in problems] == [(2, 'custom-a,1,1')]
    assert REFUSED[application] in problems[0][3]


def test_all_mistakes_at_once_and_in_several_files():
    fragments = {'custom/a.conf': lines('exten => 1,1,Goto(custom-b,1,1)', 'exten => 2,1,System(x)'),
                 'custom/b.conf': '[custom-b]\nexten => 1,1,Goto(custom-a,1,1)\nexten => 3,1,Playback(no)'}
    places = [(str(problem.where)) for problem in check_fragments(fragments, KNOWN)]
    assert places == ['custom/a.conf:2: custom-a,1,1', 'custom/a.conf:3: custom-a,2,1', 'custom/b.conf:3: custom-b,3,1']


def test_applications_are_not_judged_when_they_are_not_known():
    assert found(lines('exten => 1,1,NewThing()'), FragmentKnown(KNOWN.prompts, KNOWN.contexts)) == []


@pytest.mark.parametrize(('pattern', 'dialled', 'taken'), [
    ('911', '911', True), ('911', '91', False), ('_9XX', '911', True), ('_9XX', '91', False), ('_N.', '23', True), ('_N.', '2', False),
    ('_N!', '2', True), ('_Z[1-35]', '15', True), ('_Z[1-35]', '14', False),
    ('_[', '[', True), ('_[9-1]', '5', True), ('_1-2', '12', True)])
def test_patterns(pattern, dialled, taken):
    assert matches(pattern, dialled) is taken


def test_priorities_and_callers():
    plan = parse(FILE, '[c]\nexten => 5/100,1,A\n same => n(l),B(x,(y,z))\n same => s+2,C()\nexten => 5,hint,PJSIP/1001\n'
                 'exten => 6,4,D\n same => n+2,E')
    assert [(s.extension, s.priority, s.label, s.application, s.arguments) for s in plan.steps] == [
        ('5', 1, None, 'A', ''), ('5', 2, 'l', 'B', 'x,(y,z)'), ('5', 4, None, 'C', ''), ('6', 4, None, 'D', ''), ('6', 6, None, 'E', '')]


def test_splitting_leaves_brackets_and_quotes_whole():
    assert split_outside('${A(1,2)},"x,y",b\\,c', ',') == ['${A(1,2)}', '"x,y"', 'b\\,c']
    assert split_outside('a?b:c?d', '?', 1) == ['a', 'b:c?d']


def test_block_comments_keep_the_line_numbers():
    assert list(uncommented('a ;-- x\n--; b\n;---- ruler\nc')) == [(1, 'a'), (2, 'b'), (4, 'c')]


SNIPPETS = ['[custom-a]', '[custom-before-line]', 'exten => s,1,', 'same => n,', 'Goto(', 'GotoIf(', '$[', '${', '?', ':', ',', ')', '(',
            '\\', '"', ';--', '--;', 'Gosub(custom-a,s,1)', 'While(1)', 'EndWhile()', 'include => custom-a', 'Dial(Local/', '@', '\n', '_[',
            '9-1', ']', 'n(', '\0', 'é']


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=40).map(''.join))
def test_no_text_breaks_the_checks(text):
    for problem in check_fragments({FILE: text}, KNOWN):
        assert 1 <= problem.where.line <= text.count('\n') + 1
