"""`mesa`: the table of commands, and the one place where an error becomes a sentence."""
from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from pathlib import Path

import click

from callcenter.console import Complaint

CHECKOUT = Path(__file__).resolve().parent.parent
OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE)

# name -> where it is, and one line of help: a command is imported only when it runs, so that --help is quick.
COMMANDS = {
    'up': ('callcenter.commands.up:up', 'Set everything up and start Asterisk and Mesa.'),
    'down': ('callcenter.commands.down:down', 'Stop Asterisk and Mesa.'),
    'status': ('callcenter.commands.status:status', 'Tell what is running, and where.'),
    'call': ('callcenter.commands.call:call', 'Place a real SIP call and print what the caller hears.'),
    'answer': ('callcenter.commands.answer:answer', 'Take a call that Mesa places, as the user who is called.'),
    'simulate': ('callcenter.commands.simulate:simulate', 'Tell what would happen to a call, and which rule decides.'),
    'line': ('callcenter.commands.line:line', 'List the 800 numbers; close or open one for a while.'),
    'folio': ('callcenter.commands.folio:folio', 'Open, show and change folios.'),
    'escalation': ('callcenter.commands.escalation:escalation', 'List and acknowledge escalations.'),
    'problem': ('callcenter.commands.problem:problem', 'Failures that concern many folios.'),
    'outbox': ('callcenter.commands.outbox:outbox', 'See the letters that wait, left or failed; send again, or drop.'),
    'webhook': ('callcenter.commands.webhook:webhook', "What clients' own systems hear: how it stands, secrets, a test."),
    'mail': ('callcenter.commands.mail:mail', 'See the e-mail that came in, decide about it; preview what goes out.'),
    'recording': ('callcenter.commands.recording:recording', 'List and copy recordings and attachments; every copy is logged.'),
    'privacy': ('callcenter.commands.privacy:privacy', 'What is held about a person: export and erasure (ARCO).'),
    'fax': ('callcenter.commands.fax:fax', 'Faxes that came in, and those that we send.'),
    'statement': ('callcenter.commands.statement:statement', "A client's month: draft, sign off, PDF, XLSX, CSV, JSON, HTML."),
    'call-back': ('callcenter.commands.call_back:call_back', 'Callers who left their place in the queue and will be called.'),
    'close-call': ('callcenter.commands.close_call:close_call', 'See who is asked to confirm a solution; enter an answer.'),
    'allowance': ('callcenter.commands.allowance:allowance', "How far clients' allowances are used up, and what counts."),
    'site-move': ('callcenter.commands.site_move:site_move', "Moves of clients' sites: notice, feasibility, cost, delivery."),
    'user': ('callcenter.commands.user:user', 'Who may sign in to the desk.'),
    'token': ('callcenter.commands.token:token', 'Which programs may use the API.'),
    'calls': ('callcenter.commands.calls:calls', 'Show the call log.'),
    'ledger': ('callcenter.commands.ledger:ledger', 'What calls out cost; rate them again; compare them with the call records.'),
    'stats': ('callcenter.commands.stats:stats', 'How calls and folios went, in any period: every figure is defined.'),
    'calendar': ('callcenter.commands.calendar:calendar', 'Look at a year: open days, holidays, what is unconfirmed.'),
    'contract': ('callcenter.commands.contract:contract', 'What was agreed with a client, and what holds on a day.'),
    'config': ('callcenter.commands.config_:config', 'Check, plan, apply and undo what admins edit.'),
    'clock': ('callcenter.commands.clock:clock', 'Set the clock of a demo site.'),
    'bench': ('callcenter.commands.bench:bench', 'Measure how many calls this machine holds.'),
    'doctor': ('callcenter.commands.doctor:doctor', 'Look for what is wrong or missing on this machine.'),
    'serve': ('callcenter.commands.serve:serve', "Run Mesa's own services (`mesa up` does)."),
    'test': ('callcenter.commands.test:test', 'Run every check and test.'),
}


class Table(click.Group):
    """The group of all commands, read from the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now; None for a name that is not ours."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(':')
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in --help, without importing a command."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.command(cls=Table, context_settings={'help_option_names': ['-h', '--help']})
@click.option('--instance', type=click.Path(file_okay=False, path_type=Path), envvar='MESA_INSTANCE', default=CHECKOUT / 'var',
              metavar='DIR', help='The instance folder (also MESA_INSTANCE).  [default: var]')
@click.pass_context
def cli(context: click.Context, instance: Path) -> None:
    """Mesa, the back end of a help desk on the telephone."""
    context.obj = instance.absolute()


def complaint_about(error: Exception) -> Complaint | None:
    """The sentence for an error that we know, None for a defect of ours."""
    if isinstance(error, Complaint):
        return error
    if isinstance(error, PermissionError):
        return Complaint(f'{error.filename}: permission denied. Run as the user who owns the instance.')
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        return Complaint(f'{error.filename or "The disk"}: {error.strerror}.')
    from config.problems import ConfigErrors
    from config.render import RenderError
    from desk.accounts.values import AccountError
    from storage.engine import StorageError
    from ticketing.values import TicketingError
    if isinstance(error, ConfigErrors):
        return Complaint(f'The site cannot be used. Mend this and try again:\n{error}')
    if isinstance(error, StorageError):
        return Complaint(f'The database: {error}')
    if isinstance(error, (RenderError, TicketingError, AccountError)):
        return Complaint(str(error))
    return None


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        cli.main(prog_name='mesa')
    except Exception as error:
        complaint = complaint_about(error)
        if complaint is None or os.environ.get('MESA_DEBUG'):
            raise
        click.echo(f'mesa: {complaint}', err=True)
        sys.exit(complaint.exit_code)
