"""The inside of a conversion: a process of its own that reads a stranger's file within limits and answers in one line of JSON.

Run by `fax/conversion/convert.py`. It gets its order on standard input, and two open descriptors: no path and no title stands on a
command line.
"""
from __future__ import annotations

import errno
import json
import os
import resource
import sys
import time
import traceback
from typing import Any

from fax.conversion.directories import Chain, NotATiff, Source, read_chain
from fax.conversion.limits import Limits, Outcome

_SHARE_OF_TIME = 0.75                                  # after it no further page is begun, so that those that are done arrive


class GaveUp(Exception):
    """There is no PDF; carries the outcome."""


def main() -> None:
    """Do what standard input says and write the answer."""
    order = json.load(sys.stdin)
    limits = Limits(**order['limits'])
    hold_to(limits)
    try:
        answer = _done(order, limits)
    except GaveUp as error:
        answer = {'outcome': error.args[0]}
    except MemoryError:
        answer = {'outcome': Outcome.OUT_OF_MEMORY}
    except OSError as error:
        answer = {'outcome': Outcome.PDF_TOO_BIG} if error.errno == errno.EFBIG else {'errno': error.errno}
    except ImportError:
        raise                                          # the installation's fault, not the file's
    except Exception:
        traceback.print_exc()
        answer = {'outcome': Outcome.CRASHED}
    print(json.dumps(answer))


def hold_to(limits: Limits) -> None:
    """From here on the kernel ends whatever goes beyond."""
    for kind, most in ((resource.RLIMIT_AS, limits.memory_bytes), (resource.RLIMIT_CPU, limits.cpu_s),
                       (resource.RLIMIT_FSIZE, limits.output_bytes), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))


def _done(order: dict[str, Any], limits: Limits) -> dict[str, Any]:
    source = Source(order['tiff'])
    if source.size > limits.file_bytes:
        raise GaveUp(Outcome.TOO_BIG)
    try:
        chain = read_chain(source, limits.pages)
    except NotATiff:
        raise GaveUp(Outcome.NOT_A_TIFF if source.size else Outcome.EMPTY) from None
    if order['pdf'] is None:
        return {'pages': len(chain.pages), 'damaged': chain.damaged}
    if not chain.pages:
        raise GaveUp(Outcome.NO_PAGES)
    return _converted(source, chain, order, limits)


def _converted(source: Source, chain: Chain, order: dict[str, Any], limits: Limits) -> dict[str, Any]:
    # Only here, since Pillow takes longer to load than most damaged files to refuse.
    from fax.conversion.coding import encode
    from fax.conversion.damage import sentences
    from fax.conversion.pages import Harm, Unusable, read_page
    from fax.conversion.pdf import PdfWriter

    begun = time.monotonic()
    wanted = len(chain.pages) if order['pages_wanted'] is None else order['pages_wanted']
    written: list[int] = []
    harms: dict[int, Harm] = {}
    with os.fdopen(order['pdf'], 'wb') as target:
        pdf = PdfWriter(target, order['title'], order['created'])
        for number, directory in enumerate(chain.pages, 1):
            if len(written) >= wanted:
                break
            if max(time.process_time() / limits.cpu_s, (time.monotonic() - begun) / limits.wall_s) > _SHARE_OF_TIME:
                harms[number] = Harm.NOT_READ
                continue
            try:
                page = read_page(source, directory, limits)
            except (Unusable, MemoryError) as error:
                harms[number] = error.harm if isinstance(error, Unusable) else Harm.TOO_LARGE
                continue
            if page.harm:
                harms[number] = page.harm
            pdf.add(page.image.width, page.image.height, page.points, encode(page.image), page.inverted)
            written.append(number)
        if not written:
            raise GaveUp(Outcome.NO_GOOD_PAGE)
        pdf.close()
        size = target.tell()
    return {'pages': len(chain.pages), 'written': written, 'harmed': sorted(harms), 'size': size,
            'damage': sentences(harms, chain)}


if __name__ == '__main__':
    main()
