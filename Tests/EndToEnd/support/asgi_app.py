"""The ASGI app behind uvicorn: echo over HTTP and WebSocket, and server-sent events."""

import asyncio
import hashlib
import json


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await websocket(receive, send)
    elif scope["path"] == "/events":
        await events(receive, send)
    else:
        await echo(scope, receive, send)


async def lifespan(receive, send):
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def websocket(receive, send):
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event.get("text"),
                        "bytes": event.get("bytes")})
        else:
            return


async def echo(scope, receive, send):
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    answer = json.dumps({
        "method": scope["method"],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")]
                    for name, value in scope["headers"]],
        "body_bytes": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }).encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"),
                            (b"content-length", str(len(answer)).encode())]})
    await send({"type": "http.response.body", "body": answer})


async def events(receive, send):
    """One event after the other until the client goes."""
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/event-stream")]})
    gone, number = asyncio.create_task(client_goes(receive)), 0
    while not gone.done():
        await send({"type": "http.response.body", "body": f"data: {number}\n\n".encode(),
                    "more_body": True})
        number += 1
        await asyncio.wait([gone], timeout=0.1)


async def client_goes(receive):
    while (await receive())["type"] != "http.disconnect":
        pass
