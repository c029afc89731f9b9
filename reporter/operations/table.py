"""The one table of operations: every command that a door may offer, with its arguments, its role and its handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from reporter.messages.message import Message
from reporter.operations import (
    announcements,
    control,
    graph,
    incidents,
    people,
    pings,
    plans,
    reports,
    service,
    trading,
)
from reporter.operations.arguments import usage
from reporter.operations.operation import Arguments, Invocation, NotUnderstoodError, Operation, Role, Words


class HelpArguments(Arguments):
    command: Annotated[str | None, Words("COMMAND")] = None


def _help(asked: Invocation[HelpArguments]) -> Iterator[Message]:
    """Everything that the actor may do, or one command in full."""
    wanted = asked.arguments.command
    if wanted and wanted.casefold() not in BY_NAME:
        raise NotUnderstoodError(f"there is no command {wanted[:40]}: `help` lists them")
    chosen = [BY_NAME[wanted.casefold()]] if wanted else OPERATIONS
    mine = [(usage(one), one) for one in chosen if one.role <= asked.actor.role]
    groups = list(dict.fromkeys(one.group for _, one in mine))
    yield asked.answer("help", groups=[(name, [row for row in mine if row[1].group == name]) for name in groups])


def _start(asked: Invocation[Arguments]) -> Iterator[Message]:
    yield asked.answer("start", name=asked.actor.name, role=str(asked.actor.role))


OPERATIONS: tuple[Operation, ...] = (
    Operation("status", "everything in a few lines: what fails, what runs, what is open", trading.status),
    Operation(
        "pnl",
        "P&L of today so far, or of the last complete day, week or month",
        reports.pnl,
        reports.PnlArguments,
        aliases=("profit",),
    ),
    Operation("agents", "every agent, whether it runs, and its P&L of today", trading.agents),
    Operation("positions", "what is open now", trading.positions),
    Operation("trades", "the newest closed trades", trading.trades, trading.TradesArguments),
    Operation("portfolio", "what each account is worth", trading.portfolio, aliases=("balance",)),
    Operation("performance", "the figures of this month so far", reports.performance, reports.DateArguments),
    Operation("leaderboard", "the agents of last week by P&L", reports.leaderboard, reports.DateArguments),
    Operation("report", "a report by its name", reports.report, reports.ReportArguments, group="Reports"),
    Operation("refresh", "bring a board up to date now", reports.refresh, reports.BoardArguments, group="Reports"),
    Operation(
        "send",
        "run a report now and send it to its channels, though it was sent before",
        reports.send,
        reports.ReportArguments,
        role=Role.OPERATOR,
        group="Reports",
        changes=True,
    ),
    Operation("health", "this machine, the databases, the probes and the reporter", reports.health, group="Health"),
    Operation("latency", "how long each database and service takes to answer", service.latency, group="Health"),
    Operation(
        "uptime",
        "how long each thing that is watched was up",
        service.uptime,
        service.UptimeArguments,
        group="Health",
    ),
    Operation(
        "pings",
        "jobs that report themselves; `pause` lets one be silent until its next ping or `resume`",
        pings.pings,
        pings.PingsArguments,
        group="Health",
        changes=True,
    ),
    Operation("stats", "what the reporter sent and ran in the last seven days", service.stats, group="Health"),
    Operation("outbox", "what is not delivered, and why", service.outbox, group="Health"),
    Operation(
        "explain",
        "the story of a subject: what was seen, who was notified, and why",
        incidents.explain,
        incidents.ExplainArguments,
        group="Alerts",
    ),
    Operation(
        "graph",
        "the recent past of a subject as a picture: its figure, its limit and how it stood",
        graph.graph,
        graph.GraphArguments,
        group="Alerts",
        aliases=("chart",),
    ),
    Operation(
        "alerts",
        "what is failing and silenced; `off` silences everything for a while, `on` ends that",
        incidents.alerts,
        incidents.AlertsArguments,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "ack",
        "acknowledge an incident: no reminders until it is over, or for a while",
        incidents.ack,
        incidents.AckArguments,
        role=Role.OPERATOR,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "unack",
        "end an acknowledgement: reminders and escalation go on",
        incidents.unack,
        incidents.UnackArguments,
        role=Role.OPERATOR,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "silence",
        "notify nobody of a subject for a while",
        incidents.silence,
        incidents.SilenceArguments,
        role=Role.OPERATOR,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "unsilence",
        "end a silence: people are notified of what is still failing",
        incidents.unsilence,
        incidents.UnsilenceArguments,
        role=Role.OPERATOR,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "announce",
        "show a text on the status page until a time, or until it is withdrawn",
        announcements.announce,
        announcements.AnnounceArguments,
        role=Role.OPERATOR,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "unannounce",
        "withdraw an announcement",
        announcements.unannounce,
        announcements.UnannounceArguments,
        role=Role.OPERATOR,
        group="Alerts",
        changes=True,
    ),
    Operation(
        "plan",
        "write the author's plan for today",
        plans.plan,
        plans.PlanArguments,
        group="Plans",
        changes=True,
        pictures=True,
    ),
    Operation(
        "edit",
        "change a plan; its older versions stay",
        plans.edit,
        plans.EditArguments,
        group="Plans",
        changes=True,
        pictures=True,
    ),
    Operation(
        "delete",
        "withdraw a plan; it stays in the history",
        plans.delete,
        plans.PlanOfDayArguments,
        group="Plans",
        changes=True,
    ),
    Operation(
        "plans",
        "the plans of a day; `verify` checks that none was changed, `--score` says what came of a month",
        plans.plans,
        plans.PlansArguments,
        group="Plans",
    ),
    Operation("myplans", "the plans that you write", plans.myplans, plans.MyPlansArguments, group="Plans"),
    Operation("history", "every version of a plan", plans.history, plans.PlanOfDayArguments, group="Plans"),
    *(
        Operation(name, text, handler, arguments, role=role, group="Control", changes=True)
        for name, text, handler, arguments, role in (
            ("pause", "let an agent open nothing new", control.pause, control.AgentArguments, Role.OPERATOR),
            ("resume", "let an agent trade again", control.resume, control.AgentArguments, Role.OPERATOR),
            ("stop", "stop an agent; nobody manages its open trades", control.stop, control.AgentArguments, Role.OWNER),
            ("exit", "close all open trades of an agent", control.exit_trades, control.AgentArguments, Role.OWNER),
            ("reload", "let an agent read its config anew", control.reload, control.AgentArguments, Role.OWNER),
            ("switch", "trade with real money, or on paper", control.switch, control.SwitchArguments, Role.OWNER),
            ("restart", "restart a service", control.restart, control.ServiceArguments, Role.OWNER),
            ("deploy", "deploy a service", control.deploy, control.ServiceArguments, Role.OWNER),
            ("confirm", "do what a code confirms", control.confirm, control.ConfirmArguments, Role.OPERATOR),
        )
    ),
    Operation(
        "actions", "what was asked of control, and what became of it", control.actions, role=Role.OWNER, group="Control"
    ),
    Operation("help", "the commands that you may use", _help, HelpArguments, group="Help", aliases=("commands", "?")),
    Operation("login", "a link to the pages that logs you in, once", people.login, group="Help", changes=True),
    Operation("start", "who you are here, and what to try first", _start, group="Help"),
)

BY_NAME = {name: operation for operation in OPERATIONS for name in (operation.name, *operation.aliases)}
