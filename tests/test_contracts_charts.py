"""Charts of a statement: true to their figures, whole as XML, harmless as pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.charts import COLOURS, HEIGHT, LEFT, WIDTH, described, nice_ticks, svg
from contracts.statement import Chart, Series
from tests.statement_sample import HOSTILE

SVG = '{http://www.w3.org/2000/svg}'
numbers = st.integers(-10_000, 10_000_000) | st.decimals(-1000, 10**6, places=2)
# What XML cannot hold is not what this is about.
texts = st.text(st.characters(min_codepoint=32, exclude_categories=['Cs', 'Cc']), max_size=60) | st.sampled_from(
    [text for text in HOSTILE if text.isprintable()]
)


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    labels = draw(st.lists(texts, max_size=31))
    values = st.lists(st.none() | numbers, min_size=len(labels), max_size=len(labels))
    series = draw(st.lists(st.builds(lambda title, found: Series(title, tuple(found)), texts, values), max_size=9))
    target = draw(st.none() | st.tuples(texts, st.decimals(0, 100, places=1)))
    return Chart(
        draw(texts),
        draw(texts),
        draw(st.sampled_from(['bars', 'stacked', 'line'])),
        tuple(labels),
        tuple(series),
        draw(st.sampled_from(['', '%', 's'])),
        target,
    )


def chart(kind: str, *values: tuple[int | Decimal | None, ...], unit: str = '', target: tuple[str, Decimal] | None = None) -> Chart:
    names = ('uno', 'dos', 'tres')
    labels = tuple(str(day + 1) for day in range(len(values[0])))
    return Chart('x', 'Título', kind, labels, tuple(Series(name, one) for name, one in zip(names, values, strict=False)), unit, target)


def bars(drawn: str) -> list[tuple[str, float, float]]:
    """Each bar that has a value: what it says, its top, its height."""
    return [
        (title.text or '', float(rect.attrib['y']), float(rect.attrib['height']))
        for rect in ET.fromstring(drawn).iter(f'{SVG}rect')
        if (title := rect.find(f'{SVG}title')) is not None
    ]


@given(charts())
def test_a_picture_is_whole_xml_within_its_frame_without_anything_that_acts(one: Chart) -> None:
    drawn = svg(one)
    root = ET.fromstring(drawn)
    assert root.attrib['viewBox'] == f'0 0 {WIDTH} {HEIGHT}' and root.attrib['role'] == 'img'
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        'svg',
        'title',
        'desc',
        'g',
        'rect',
        'line',
        'polyline',
        'circle',
        'text',
    }
    assert not {
        name for element in root.iter() for name in element.attrib if name in ('href', 'style', 'xlink:href') or name.startswith('on')
    }
    for rect in root.iter(f'{SVG}rect'):
        top, height = float(rect.attrib['y']), float(rect.attrib['height'])
        assert top >= -0.2 and top + height <= HEIGHT + 0.2 and height >= 0
    assert drawn == svg(one)


def test_bars_are_as_high_as_their_values() -> None:
    (a, _, one), (_, _, two), (_, _, none) = bars(svg(chart('bars', (100, 50, 0))))
    assert (a, one, none) == ('1: uno, 100', 2 * two, 0)


def test_stacked_bars_stand_on_one_another() -> None:
    found = {text: (top, height) for text, top, height in bars(svg(chart('stacked', (10, 0), (30, 5))))}
    assert set(found) == {'1: uno, 10', '1: dos, 30', '2: dos, 5'}
    below, above = found['1: uno, 10'], found['1: dos, 30']
    assert abs(above[0] + above[1] - below[0]) < 0.2 and abs(above[1] - 3 * below[1]) < 0.3


def test_a_line_is_cut_where_nothing_was_measured() -> None:
    root = ET.fromstring(svg(chart('line', (80, 90, None, 70, None))))
    assert [len(line.attrib['points'].split()) for line in root.iter(f'{SVG}polyline')] == [2, 1]
    assert len(list(root.iter(f'{SVG}circle'))) == 3


def test_percent_reaches_to_a_hundred_and_the_target_stands_where_it_is() -> None:
    root = ET.fromstring(svg(chart('line', (Decimal('75.5'),), unit='%', target=('Acordado: 80 %', Decimal(80)))))
    texts = {text.text for text in root.iter(f'{SVG}text')}
    assert {'0 %', '100 %', 'Acordado: 80 %'} <= texts
    grid = {float(line.attrib['y1']) for line in root.iter(f'{SVG}line') if line.get('class') == 'grid'}
    (target,) = (float(line.attrib['y1']) for line in root.iter(f'{SVG}line') if line.get('class') == 'target')
    assert target in grid  # the line of 80 %


def test_thirty_one_days_are_all_named_and_long_names_stand_slanted_and_cut() -> None:
    days = [text.text for text in ET.fromstring(svg(chart('bars', tuple(range(31))))).iter(f'{SVG}text')]
    assert [str(day) for day in range(1, 32)] == days[-31:]
    long = Chart('x', '', 'bars', ('Una categoría de nombre muy largo, demasiado',) * 8, (Series('a', (1,) * 8),))
    assert any(
        'rotate' in text.get('transform', '') and (text.text or '').endswith('…') for text in ET.fromstring(svg(long)).iter(f'{SVG}text')
    )


def test_nothing_measured_says_so() -> None:
    assert 'Sin datos en el mes' in svg(Chart('x', '', 'bars', (), ()))
    assert 'Sin datos en el mes' in svg(chart('line', (None, None)))
    assert described(chart('line', (None,))) == 'Sin datos'
    assert described(chart('bars', (3, 12, 5))) == 'uno: de 3 (1) a 12 (2)'


@pytest.mark.parametrize(
    ('low', 'high', 'ticks'),
    [
        (0, 0, '0 1'),
        (0, 1, '0 1'),
        (0, 3, '0 1 2 3'),
        (0, 7, '0 2 4 6 8'),
        (0, 22, '0 5 10 15 20 25'),
        (0, 100, '0 20 40 60 80 100'),
        (-4, 7, '-5 0 5 10'),
    ],
)
def test_ticks_of_counts_are_round(low: int, high: int, ticks: str) -> None:
    assert ' '.join(str(int(tick)) for tick in nice_ticks(low, high, whole=True)) == ticks


@given(numbers, numbers)
def test_ticks_hold_every_value_and_are_few(one: int | Decimal, other: int | Decimal) -> None:
    low, high = sorted((one, other))
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 12
    assert len({b - a for a, b in pairwise(ticks)}) == 1


def test_neighbouring_colours_differ_in_grey() -> None:
    def light(colour: str) -> float:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    assert all(abs(light(a) - light(b)) > 40 for a, b in pairwise(COLOURS[:7]))
    assert LEFT > 0
