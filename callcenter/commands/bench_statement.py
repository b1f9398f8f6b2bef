"""`mesa bench statement`: what a month's statement costs with months of calls behind it."""
from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from callcenter.console import print_json, say

ROW = '{:<11} {:<34}{:>5}{:>10}{:>11}{:>13}{:>12} {}'
HEADINGS = ('database', 'what', 'runs', 'median s', 'slowest s', 'processor s', 'size', '')


@click.command()
@click.option('--calls', type=click.IntRange(100, 2_000_000), default=200_000, show_default=True, help='Calls in and out, of all months.')
@click.option('--folios', type=click.IntRange(10, 500_000), default=50_000, show_default=True, help='Folios of all months.')
@click.option('--months', type=click.IntRange(2, 36), default=14, show_default=True, help='Months of which the last one is drafted.')
@click.option('--postgres', is_flag=True, help='On PostgreSQL.  [default: SQLite]')
@click.option('--scratch', type=click.Path(exists=True, file_okay=False, path_type=Path),
              help='Where the database is made; it is gone afterwards.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
def statement(calls: int, folios: int, months: int, postgres: bool, scratch: Path | None, as_json: bool) -> None:
    """Fill a database with months of calls and folios, issue all months but the last, and draft and render that one.

    Needs no instance and touches none: the example site's rules are taken. Exit code 1 when all five formats take more than 5 s, the
    reading of the books included.
    """
    from callcenter.bench_statement import run
    found = run('postgresql' if postgres else 'sqlite', calls, folios, months, lambda words: click.echo(words, err=True), scratch)
    if as_json:
        print_json({'calls': calls, 'folios': folios, 'months': months,
                    'figures': [asdict(one) | {'goal_s': one.goal_s, 'reached': one.reached} for one in found]})
    else:
        say(ROW.format(*HEADINGS))
        for one in found:
            verdict = '' if one.goal_s is None else f' (within {one.goal_s:g} s: {"reached" if one.reached else "MISSED"})'
            say(ROW.format(one.database, one.act, one.count, f'{one.median_s:.2f}', f'{one.slowest_s:.2f}',
                           f'{one.processor_s:.2f}', f'{one.size:,}', f'{one.unit}{verdict}'))
    if not all(one.reached for one in found):
        sys.exit(1)
