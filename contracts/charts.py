"""A chart of a statement as a small SVG picture: bars, stacked bars or lines, the same for pages and for paper (mission.md 7.5). Pure.

No script, style or reference to anything else is in it: colours are attributes, which a page's style sheet may override by class (`axis`,
`grid`, `label`, `series-0`...). Series differ in lightness, and lines in dashes and marks, so that grey prints stay readable. The figures
also stand in a table; for those who cannot see it, the picture has its title and the series' highest and lowest values in words.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from html import escape

from contracts.statement import Chart, Series

WIDTH, HEIGHT = 720, 215
LEFT, RIGHT, TOP = 46, 8, 10
FONT = 'Inter, DejaVu Sans, sans-serif'
LETTER = 5.3                                           # the width of a middling letter of 10 units
# From dark to light and back, so that neighbours differ in grey as well.
COLOURS = ('#17456b', '#e2a33b', '#3f8f86', '#c9d3dc', '#8c3b4a', '#9fc3a8', '#5b6b7a', '#f0d9a8')
DASHES = ('', '7 3', '2 3', '9 3 2 3')
TARGET, INK = '#a3273a', '#3d4852'
TICKS = 5
Number = Decimal | int


@dataclass(frozen=True)
class Scale:
    """The values from the foot of the picture to its head, and where lines are drawn."""

    ticks: tuple[Decimal, ...]
    head: float                                        # of the drawing, in units from above
    foot: float

    def y(self, value: Number) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return round(self.foot - float((Decimal(value) - low) / (high - low)) * (self.foot - self.head), 2)


def svg(chart: Chart) -> str:
    """The picture. Texts are escaped; a chart without any value says so."""
    name = ''.join(letter if letter.isascii() and letter.isalnum() else '-' for letter in chart.key)
    legend, used = _legend(chart)
    slanted, shown = _labels(chart.labels)
    foot = HEIGHT - (18 if not slanted else 14 + 0.62 * LETTER * max(len(label) for label in shown))
    scale = Scale(_ticks(chart), TOP + used, round(foot, 2))
    body = ''.join((*legend, *_grid(chart, scale), *_drawn(chart, scale), *_target(chart, scale), *_names(shown, slanted, scale)))
    told = (_tag('title', escape(chart.title), id=f'chart-{name}-t'), _tag('desc', escape(described(chart)), id=f'chart-{name}-d'))
    return _tag('svg', ''.join((*told, body)), xmlns='http://www.w3.org/2000/svg', class_='chart', viewBox=f'0 0 {WIDTH} {HEIGHT}',
                role='img', aria_labelledby=f'chart-{name}-t chart-{name}-d', font_family=FONT, font_size=10)


def _tag(name: str, inside: str = '', /, **attributes: str | float) -> str:
    """An element; `inside` is markup already. Underscores of an attribute are hyphens; one at its end keeps it off Python's own words."""
    told = ''.join(f' {_attribute(key)}="{_units(value) if isinstance(value, float) else value}"' for key, value in attributes.items())
    return f'<{name}{told}>{inside}</{name}>' if inside else f'<{name}{told}/>'


def _attribute(key: str) -> str:
    return key.rstrip('_').replace('_', '-')


def _units(value: float) -> str:
    return f'{value:.1f}'.removesuffix('.0')


def nice_ticks(low: Number, high: Number, whole: bool = False) -> tuple[Decimal, ...]:
    """Round values from at or below `low` to at or above `high`, about five steps of 1, 2 or 5 times a power of ten; `whole`: no parts."""
    span = Decimal(high) - Decimal(low) or Decimal(1)
    size = Decimal(1).scaleb((span / TICKS).adjusted())
    step = next(size * factor for factor in (1, 2, 5, 10, 20) if size * factor * TICKS >= span)
    step = max(step, Decimal(1)) if whole else step
    first = (Decimal(low) / step).to_integral_value(ROUND_FLOOR)
    last = max(first + 1, (Decimal(high) / step).to_integral_value(ROUND_CEILING))
    return tuple(step * count for count in range(int(first), int(last) + 1))


def _values(chart: Chart) -> list[Number]:
    return [value for series in chart.series for value in series.values if value is not None]


def _ticks(chart: Chart) -> tuple[Decimal, ...]:
    values: list[Number] = [0, *_values(chart), *([chart.target[1]] if chart.target else [])]
    if chart.kind == 'stacked':
        columns = [[series.values[index] or 0 for series in chart.series] for index in range(len(chart.labels))]
        values += [sum((value for value in column if value > 0), Decimal(0)) for column in columns]
        values += [sum((value for value in column if value < 0), Decimal(0)) for column in columns]
    if chart.unit == '%' and max(values) <= 100:
        values.append(100)
    return nice_ticks(min(values), max(values), whole=all(value == int(value) for value in values))


def _slots(chart: Chart) -> tuple[float, float]:
    count = max(1, len(chart.labels))
    return LEFT, (WIDTH - LEFT - RIGHT) / count


def _text(x: float, y: float, text: str, anchor: str = 'middle', **more: str | float) -> str:
    look: dict[str, str | float] = {'class_': 'label', 'x': x, 'y': y, 'text_anchor': anchor, 'fill': INK, **more}
    return _tag('text', escape(text) or ' ', **look)


def _number(value: Number, unit: str = '') -> str:
    text = f'{Decimal(value):,f}'
    return f'{text.rstrip("0").rstrip(".") if "." in text else text}{" %" if unit == "%" else ""}'


def _legend(chart: Chart) -> tuple[list[str], float]:
    """The series' names with their colours, and the height that they take; none for a single series without a target."""
    names = [(series.title, index) for index, series in enumerate(chart.series)] if len(chart.series) > 1 or chart.target else []
    x, y, drawn = float(LEFT), TOP + 8.0, []
    for name, index in names:
        shown = _cut(name, 44)
        if x > LEFT and x + 24 + len(shown) * LETTER > WIDTH - RIGHT:
            x, y = float(LEFT), y + 15
        drawn.append(_key(chart, index, x, y) + _text(x + 22, y, shown, 'start'))
        x += 38 + len(shown) * LETTER
    return drawn, y + 8 if names else 8


def _key(chart: Chart, index: int, x: float, y: float) -> str:
    if chart.kind == 'line':
        return _line([(x, y - 3.5), (x + 17, y - 3.5)], index) + _mark(x + 8.5, y - 3.5, index)
    return _tag('rect', class_=f'series-{index}', x=x + 5, y=y - 8.5, width=11, height=9.5, rx=1.5, fill=_colour(index))


def _grid(chart: Chart, scale: Scale) -> Iterator[str]:
    for tick in scale.ticks:
        yield _across(scale.y(tick), class_='grid', stroke='#dfe4e8', stroke_width=0.8)
        yield _text(LEFT - 6, scale.y(tick) + 3.5, _number(tick, chart.unit), 'end')
    if not _values(chart):
        yield _text(WIDTH / 2, (scale.head + scale.foot) / 2, 'Sin datos en el mes')


def _across(y: float, **look: str | float) -> str:
    return _tag('line', x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, **look)


def _drawn(chart: Chart, scale: Scale) -> Iterator[str]:
    draw = {'bars': _bars, 'stacked': _stacked, 'line': _lines}[chart.kind]
    for index, series in enumerate(chart.series):
        yield _tag('g', ''.join(draw(chart, index, series, scale)))
    yield _across(scale.y(0), class_='axis', stroke='#6b7785', stroke_width=1)


def _bars(chart: Chart, index: int, series: Series, scale: Scale) -> Iterator[str]:
    left, slot = _slots(chart)
    wide = min(slot * 0.72 / len(chart.series), 64)
    for place, value in enumerate(series.values):
        if value is not None:
            x = left + slot * (place + 0.5) + wide * (index - len(chart.series) / 2)
            yield _bar(chart, index, place, value, (x, wide), (scale.y(0), scale.y(value)))
            if len(chart.labels) * len(chart.series) <= 18:
                yield _text(x + wide / 2, scale.y(max(value, 0)) - 3, _number(value, chart.unit), font_size=9)


def _stacked(chart: Chart, index: int, series: Series, scale: Scale) -> Iterator[str]:
    left, slot = _slots(chart)
    wide = min(slot * 0.72, 64)
    for place, value in enumerate(series.values):
        if value:
            under = (one.values[place] or 0 for one in chart.series[:index])
            below = sum((before for before in under if (before > 0) == (value > 0)), Decimal(0))
            yield _bar(chart, index, place, value, (left + slot * (place + 0.5) - wide / 2, wide), (scale.y(below), scale.y(below + value)))


def _bar(chart: Chart, index: int, place: int, value: Number, across: tuple[float, float], along: tuple[float, float]) -> str:
    x, wide = across
    top, height = min(along), abs(along[0] - along[1])
    told = f'{chart.labels[place]}: {chart.series[index].title}, {_number(value, chart.unit)}'
    return _tag('rect', _tag('title', escape(told)), class_=f'series-{index}', x=x, y=top, width=wide, height=height, fill=_colour(index),
                stroke='#ffffff', stroke_width=0.6)


def _lines(chart: Chart, index: int, series: Series, scale: Scale) -> Iterator[str]:
    left, slot = _slots(chart)
    run: list[tuple[float, float]] = []
    for place, value in enumerate((*series.values, None)):
        if value is not None:
            run.append((left + slot * (place + 0.5), scale.y(value)))
        elif run:
            yield _line(run, index)
            yield from (_mark(x, y, index) for x, y in run)
            run = []


def _line(points: Sequence[tuple[float, float]], index: int) -> str:
    where = ' '.join(f'{_units(x)},{_units(y)}' for x, y in points)
    dash = DASHES[index % len(DASHES)]
    return _tag('polyline', class_=f'line-{index}', points=where, fill='none', stroke=_colour(index), stroke_width=1.8,
                stroke_linejoin='round', **({'stroke_dasharray': dash} if dash else {}))


def _mark(x: float, y: float, index: int) -> str:
    look = {'class_': f'series-{index}', 'fill': _colour(index)}
    if index % 2:
        return _tag('rect', x=x - 2.5, y=y - 2.5, width=5, height=5, **look)
    return _tag('circle', cx=x, cy=y, r=2.6, **look)


def _target(chart: Chart, scale: Scale) -> Iterator[str]:
    if chart.target:
        name, value = chart.target
        yield _across(scale.y(value), class_='target', stroke=TARGET, stroke_width=1.4, stroke_dasharray='5 3')
        yield _text(WIDTH - RIGHT, TOP + 8, _cut(name, 60), 'end', class_='target-name', fill=TARGET, font_weight=600)


def _labels(labels: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether they stand slanted, and what is shown of each: short ones that are too many are thinned out, long ones are cut."""
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    need = max((len(label) for label in labels), default=0) * LETTER + 4
    if need <= slot:
        return False, list(labels)
    if len(labels) > 12 and need <= 60:
        every = int(need // slot) + 1
        return False, [label if index % every == 0 else '' for index, label in enumerate(labels)]
    return True, [_cut(label, 26) for label in labels]


def _names(shown: Sequence[str], slanted: bool, scale: Scale) -> Iterator[str]:
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(shown))
    for index, label in enumerate(shown):
        x, y = LEFT + slot * (index + 0.5), scale.foot + 13
        if label:
            yield _text(x, y, label, 'end', transform=f'rotate(-36 {x:.1f} {y:.1f})') if slanted else _text(x, y, label)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f'{text[:most - 1].rstrip()}…'


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def described(chart: Chart) -> str:
    """What the picture shows, in words: each series' lowest and highest value."""
    told = []
    for series in chart.series:
        values = [(value, label) for value, label in zip(series.values, chart.labels, strict=True) if value is not None]
        if values:
            low, high = min(values, key=lambda one: one[0]), max(values, key=lambda one: one[0])
            told.append(f'{series.title}: de {_number(low[0], chart.unit)} ({low[1]}) a {_number(high[0], chart.unit)} ({high[1]})')
    return '; '.join(told) if told else 'Sin datos'
