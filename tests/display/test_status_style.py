"""The symbols and colours of the statuses."""

from __future__ import annotations

from ds_ops_magic.display import render
from ds_ops_magic.display.status_style import CSS_COLORS, STATUS_STYLES
from ds_ops_magic.model.outcome import Status


def test_each_status_has_a_symbol_of_its_own() -> None:
    styles = [STATUS_STYLES[status.value] for status in Status]
    assert len({style.symbol for style in styles}) == len({style.css_class for style in styles}) == len(Status)


def test_each_class_is_in_the_style_sheet() -> None:
    css = render.part("style")
    for style in STATUS_STYLES.values():
        assert f".{style.css_class} {{ color: {CSS_COLORS[style.css_class]}; }}" in css
