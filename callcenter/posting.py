"""The postman of an instance, wired: its books, its clocks, its secrets, its address on the web."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.place import Place
from config.values import Site


def postman_of(serving: Any) -> Any:
    """The postman that serves by what is in force; `serving` is `callcenter.services.Serving`."""
    from ticketing.mail.postman import Postman
    instance = serving.instance

    def in_force() -> Site:
        site: Site = serving.standing().site
        return site

    return Postman(
        serving.db, in_force, key=instance.secrets(in_force()).mail_key, clock=serving.clock.now, machine=lambda: datetime.now(UTC),
        maildir=instance.place.maildir, password=lambda: instance.secrets(in_force()).smtp,
        web_url=lambda site: web_address(site, instance.place), pdf=lambda name: pdf_of_fax(instance.place, name))


def pdf_of_fax(place: Place, name: str) -> bytes:
    """The PDF that goes with the letter of a fax. Raises FileNotFoundError."""
    return (place.fax / 'pdf' / Path(name).name).read_bytes()


def web_address(site: Site, place: Place) -> str:
    """Under which address users reach our pages: the site's, or the instance's own on this machine."""
    return site.mail.page_url or f'http://127.0.0.1:{place.ports.web}'
