"""`mesa bench`: what this machine holds."""
from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from callcenter.commands.bench_pops import pops
from callcenter.commands.bench_statement import statement as bench_statement
from callcenter.console import Complaint, print_json, say
from callcenter.instance import Instance, pass_instance

ROW = '{:>7} {:<8}{:>7}{:>8}{:>10}{:>10}{:>10}{:>14}{:>11}'
HEADINGS = ('rate/s', 'path', 'calls', 'failed', 'ended/s', 'p50 ms', 'p99 ms', 'Asterisk ms', 'Mesa ms')
LONGEST_S = 600
FOLIO_ROW = '{:<11}{:>9} {:<13}{:>6}{:>9}{:>9}{:>15}'
LIST_ROW = '{:<11}{:>9} {:<26}{:>6}{:>7}{:>9}{:>9}'
LIST_HEADINGS = ('database', 'folios', 'list', 'runs', 'items', 'p50 ms', 'p95 ms')
FOLIO_HEADINGS = ('database', 'folios', 'operation', 'runs', 'p50 ms', 'p99 ms', 'p99 of rounds')


@click.group()
def bench() -> None:
    """Measure how many calls this machine holds, and what a folio costs when there are many."""


class Rates(click.ParamType[tuple[float, ...]]):
    """Calls per second, rising, separated by commas."""

    name = 'rates'

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The rates; a usage error for anything else."""
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(float(item) for item in str(value).split(','))
        except ValueError:
            self.fail(f'{value!r}: write rates such as 10,25,50,100', param, ctx)
        if not all(0 < rate <= 1000 for rate in rates):
            self.fail('each rate must be above 0 and at most 1000 calls a second', param, ctx)
        return rates


@bench.command()
@click.option('--rates', type=Rates(), default='10,25,50,100', show_default=True, help='Calls per second, one run after the other.')
@click.option('--seconds', type=click.FloatRange(1, 60), default=10.0, show_default=True, help='How long each run lasts.')
@click.option('--pairs', type=click.IntRange(1, 10), default=1, show_default=True, help='Pairs of runs, native and full, at each rate.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def calls(instance: Instance, rates: tuple[float, ...], seconds: float, pairs: int, as_json: bool) -> None:
    """Load the running instance with SIPp: calls by the dialplan alone beside calls that Mesa decides and gives a folio.

    Only on a demo site: it opens folios. Exit code 1 when a call of a rate failed or a folio is missing.
    """
    from callcenter.bench_calls import Bench, goals, run
    from callcenter.phone import Server, loopback
    from callcenter.running import state
    from storage.engine import Database

    site = instance.site()
    if not site.demo:
        raise Complaint('The bench opens folios, so it runs on a demo site only (demo = true in site.toml).', 2)
    longest = 2 * len(rates) * pairs * seconds
    if longest > LONGEST_S:
        raise Complaint(f'That would take {longest:.0f} s; choose fewer rates or seconds, {LONGEST_S} s in all.', 2)
    running = state(instance.root)
    if not running.get('ready'):
        raise Complaint('Mesa does not run here. Start it with: mesa up --detach')
    bench = Bench(Server(loopback(instance.place.bind), instance.place.ports.sip), loopback(site.trunks[0].addresses[0]),
                  running['asterisk']['pid'], running['mesa']['pid'], site, Database(instance.database_url, patience_s=10.0))
    if not as_json:
        say(ROW.format(*HEADINGS))
    measures, folios = run(bench, rates, seconds, pairs, lambda m: None if as_json else say(row(m)))
    summary = goals(measures)
    if as_json:
        runs = [asdict(m) | {'passes': m.passes} for m in measures]
        print_json({'runs': runs, 'folios': asdict(folios) | {'passes': folios.passes}, **summary})
    else:
        say()
        for line in closing(summary):
            say(line)
        say(f'folios: {folios.calls} calls, {folios.found} folios found, {folios.distinct} distinct numbers')
    if not folios.passes or any(m.failed for m in measures):
        sys.exit(1)


def row(m: object) -> str:
    """One line of the table."""
    from callcenter.bench_calls import Measure
    assert isinstance(m, Measure)
    return ROW.format(f'{m.rate:g}', m.path, m.calls, m.failed, shown(m.held), shown(m.p50_ms), shown(m.p99_ms),
                      f'{m.asterisk_cpu_ms:.2f}', f'{m.mesa_cpu_ms:.2f}')


def shown(value: float | None) -> str:
    """A number, or a dash for none."""
    return '-' if value is None else f'{value:.1f}'


def closing(summary: dict[str, object]) -> list[str]:
    """The comparison in words."""
    lines = [f'held without a failure: native {summary["held_native"] or "no rate"}, full {summary["held_full"] or "no rate"} calls/s']
    if 'compared_at' in summary:
        lines += [f'at {summary["compared_at"]:g} calls/s: Mesa {summary["mesa_cpu_ms"]} ms CPU a call, '
                  f'Asterisk {summary["native_cpu_ms"]} ms for the native call; p99 {summary["p99_beyond_native_ms"]} ms beyond native']
    return lines


class Sizes(click.ParamType[tuple[int, ...]]):
    """Numbers of folios, rising, separated by commas."""

    name = 'sizes'

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The sizes; a usage error for anything else."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(sorted({int(item) for item in str(value).split(',')}))
        except ValueError:
            self.fail(f'{value!r}: write sizes such as 10000,100000,1000000', param, ctx)
        if len(sizes) < 2 or not 1000 <= sizes[0] <= sizes[-1] <= 5_000_000:
            self.fail('at least two sizes from 1000 to 5000000', param, ctx)
        return sizes


@bench.command('folios')
@click.option('--sizes', type=Sizes(), default='10000,100000,1000000', show_default=True, help='Numbers of folios to compare.')
@click.option('--database', type=click.Choice(['sqlite', 'postgresql', 'both']), default='both', show_default=True)
@click.option('--scratch', type=click.Path(exists=True, file_okay=False, path_type=Path),
              help='Where the databases are made; they are gone afterwards.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
def folios_command(sizes: tuple[int, ...], database: str, scratch: Path | None, as_json: bool) -> None:
    """Open, look up, list and count folios in databases of several sizes, which are made for it and gone afterwards.

    Needs no instance and touches none. Exit code 1 when a goal is missed or a folio gets lost.
    """
    from callcenter.bench_folios import run
    kinds = ('sqlite', 'postgresql') if database == 'both' else (database,)
    figures, verdicts = run(kinds, sizes, lambda text: click.echo(text, err=True), scratch)
    if as_json:
        print_json({'figures': [asdict(figure) for figure in figures],
                    'verdicts': [asdict(verdict) | {'reached': verdict.reached} for verdict in verdicts]})
    else:
        say(FOLIO_ROW.format(*FOLIO_HEADINGS))
        for f in figures:
            say(FOLIO_ROW.format(f.database, f.total, f.act, f.count, f'{f.p50_ms:.2f}', f'{f.p99_ms:.2f}', f'{f.round_p99_ms:.2f}'))
        say()
        for v in verdicts:
            goals = f' ({", ".join(v.goals)}: {"reached" if v.reached else "MISSED"})' if v.goals else ''
            say(f'{v.database}, {v.act}: at {sizes[-1]} the p99 is {v.ratio:.2f} times, the p50 {v.p50_ratio:.2f} times '
                f'that at {sizes[0]}{goals}')
    if not all(verdict.reached for verdict in verdicts):
        sys.exit(1)


@bench.command('lists')
@click.option('--folios', 'total', type=click.IntRange(1000, 5_000_000), default=100_000, show_default=True, help='How many folios.')
@click.option('--database', type=click.Choice(['sqlite', 'postgresql', 'both']), default='both', show_default=True)
@click.option('--scratch', type=click.Path(exists=True, file_okay=False, path_type=Path),
              help='Where the databases are made; they are gone afterwards.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
def lists_command(total: int, database: str, scratch: Path | None, as_json: bool) -> None:
    """Ask for every list and search of the desk in a database of many folios, which is made for it and gone afterwards.

    Needs no instance and touches none. Exit code 1 when one of 20 takes longer than the goal.
    """
    from callcenter.bench_lists import MOST_P95_MS, run
    kinds = ('sqlite', 'postgresql') if database == 'both' else (database,)
    figures = [figure for kind in kinds for figure in run(kind, total, lambda text: click.echo(text, err=True), scratch)]
    if as_json:
        print_json({'goal_p95_ms': MOST_P95_MS, 'figures': [asdict(figure) | {'reached': figure.reached} for figure in figures]})
    else:
        say(LIST_ROW.format(*LIST_HEADINGS))
        for f in figures:
            missed = '' if f.reached else '  MISSED'
            say(LIST_ROW.format(f.database, f.total, f.act, f.count, f.items, f'{f.p50_ms:.2f}', f'{f.p95_ms:.2f}') + missed)
        say(f'goal: p95 at most {MOST_P95_MS:g} ms, {"reached" if all(figure.reached for figure in figures) else "MISSED"}')
    if not all(figure.reached for figure in figures):
        sys.exit(1)


bench.add_command(pops)
bench.add_command(bench_statement)
