"""``streamer serve``: the HTTP service; ``streamer api-key``: a key for one of its callers."""

from __future__ import annotations

from types import FrameType
from typing import Annotated

import typer

from streamer.cli.options import options_of
from streamer.errors import SettingsError, needing


def install(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(serve)
    app.command("api-key")(api_key)


def serve(
    ctx: typer.Context,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the contract (OpenAPI) and end: the source of deploy/clients.")
    ] = False,
) -> None:
    """Run the HTTP service: lists, scores, explanations and events for callers in any language (docs/service.md)."""
    settings = options_of(ctx).settings()
    with needing("service", "the service"):
        import uvicorn

        from streamer.service.app import contract, create
        from streamer.service.keys import ApiKeys
    if openapi:
        typer.echo(contract(), nl=False)
        return
    if settings.service_keys is None:
        raise SettingsError(["service_keys: name the file of API keys; make one with  streamer api-key NAME"])
    app = create(settings, ApiKeys.of_file(settings.service_keys))

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """Ends in order, with 0, as workers do: ``super()`` would raise the signal again afterwards."""
            app.state.ending.set()  # else open pages of the console would keep it waiting
            self.should_exit = True

    server = Server(uvicorn.Config(
        app, host=settings.service_host, port=settings.service_port, access_log=False, log_level="warning",
        timeout_keep_alive=30, timeout_graceful_shutdown=20, server_header=False, limit_concurrency=256,
    ))  # fmt: skip
    address = f"http://{settings.service_host}:{settings.service_port}"
    typer.echo(f"serves {address}, its console at {address}/console, until Ctrl-C", err=True)
    server.run()
    if not server.started:
        raise typer.Exit(3)


def api_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it.")],
    scope: Annotated[
        list[str] | None, typer.Option(metavar="read|write|erase|admin", help="What it is good for; repeatable.")
    ] = None,
) -> None:
    """Make a key for a caller of the service: the key for them on stderr, the lines for the file of keys on stdout."""
    from streamer.service.keys import SCOPES, new_key

    asked = tuple(scope or ("read",))
    wrong = sorted(set(asked) - set(SCOPES))
    if wrong or not name.strip() or not name.isprintable() or '"' in name or "\\" in name:
        raise typer.BadParameter(f"scopes are {', '.join(SCOPES)}; names are words without quotes")
    key, lines = new_key(name, [each for each in SCOPES if each in asked])
    typer.echo(f"the key of {name}, shown this once: {key}", err=True)
    typer.echo(lines)
