"""The dialer's own instance: settings in, a renderable Instance out."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.asterisk.instance import AMI_USER, Instance, Place
from dialer.asterisk.messages import speak_all
from dialer.asterisk.render import render_folder
from dialer.asterisk.root import AsteriskProgram
from dialer.asterisk.settings import AsteriskSettings


def dialer_instance(settings: AsteriskSettings, program: AsteriskProgram) -> Instance:
    """The Asterisk that dials, described by settings."""

    def files(place: Place, ami_secret: str) -> Mapping[str, str]:
        values = {
            "settings": settings,
            "place": place,
            "ami_user": AMI_USER,
            "ami_secret": ami_secret,
            "program": program,
        }
        return render_folder(values)

    return Instance(
        program=program,
        folder=settings.state / settings.name,
        ports=settings.ports,
        files=files,
        address=settings.address,
        prepare=lambda place: speak_all(place, program, settings.identity),
    )
