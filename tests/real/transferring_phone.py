"""An agent's telephone that transfers as good ones do: it asks a colleague first, and then joins both calls (REFER with Replaces).

A program of its own, since PJSIP takes its whole process down when it fails: `python -m tests.real.transferring_phone SERVER USER PASSWORD
COLLEAGUE`. It answers its first call, calls the colleague and, when he has answered and a line comes in, transfers: nobody asks and joins
within a millisecond. It prints what it does, a word a line.
"""
from __future__ import annotations

import select
import sys
import time

import pjsua2 as pj

from callcenter.softphone import account, endpoint

PATIENCE_S = 110.0


class Leg(pj.Call):                                    # type: ignore[misc]
    """One call."""

    talks = False

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        self.talks = self.getInfo().state == pj.PJSIP_INV_STATE_CONFIRMED


class Line(pj.Account):                                # type: ignore[misc]
    """Answers the first call."""

    first: Leg | None = None

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self.first = Leg(self, prm.callId)
        answer = pj.CallOpParam(True)
        answer.statusCode = pj.PJSIP_SC_OK
        self.first.answer(answer)


def main(server: str, user: str, secret: str, colleague: str) -> None:
    """The whole story of one transfer."""
    built = endpoint()
    transport = pj.TransportConfig()
    transport.boundAddress = '127.0.0.1'
    built.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    built.libStart()
    built.audDevManager().setNullDev()
    line = Line()
    line.create(account({'server': server, 'user': user, 'secret': secret, 'address': '127.0.0.1'}))
    deadline = time.monotonic() + PATIENCE_S

    def until(is_so: object) -> None:
        while not is_so():                             # type: ignore[operator]
            if time.monotonic() > deadline:
                sys.exit('too late')
            built.libHandleEvents(10)

    until(lambda: line.getInfo().regIsActive)
    print('registered', flush=True)
    until(lambda: line.first is not None and line.first.talks)
    print('talks', flush=True)
    assert line.first is not None
    line.first.setHold(pj.CallOpParam(True))
    second = Leg(line)
    legs = [line.first, second]
    second.makeCall(f'sip:{colleague}@{server}', pj.CallOpParam(True))
    until(lambda: legs[-1].talks)
    print('asks', flush=True)
    until(lambda: select.select([sys.stdin], [], [], 0)[0])
    line.first.xferReplaces(second, pj.CallOpParam(True))
    print('transfers', flush=True)
    until(lambda: False)                               # the test ends it


if __name__ == '__main__':
    main(*sys.argv[1:])
