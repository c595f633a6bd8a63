"""A model that an OpenClaw agent can talk to without a model: OpenAI's chat completions, as a stream or in one piece.

It answers each message with a numbered sentence. A message that holds `call TOOL {json}` is answered with that tool call first, and
then with what the tool said, so that a test drives a tool the way a model does.

    python3 model_server.py [--port N]        prints the port it listens on
"""
import http.server
import json
import re
import sys
import threading

ORDER = re.compile(r"\bcall (\w+) (\{.*\})")


def text_of(message):
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))


class Model(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.turns, self.lock, self.requests, self.keys = 0, threading.Lock(), [], []
        self.speaks = threading.Event()  # cleared: it thinks, and whoever asked waits for the answer
        self.speaks.set()

    @property
    def port(self):
        return self.server_address[1]

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()

    def answer(self, request):
        """The text of the answer and, or instead, a tool call (name, arguments)."""
        with self.lock:
            self.turns += 1
            number = self.turns
            self.requests.append(request)
        messages = request.get("messages") or []
        known = {tool.get("function", {}).get("name") for tool in request.get("tools") or []}
        for message in reversed(messages):  # back to the last answer: the gateway adds messages of its own behind a person's
            if message.get("role") == "tool":
                return number, f"The tool said: {text_of(message)}", None
            if message.get("role") != "user":
                break
            order = ORDER.search(text_of(message))
            if not order:
                continue
            name, arguments = order.group(1), json.loads(order.group(2))
            if name in known:
                return number, None, (name, arguments)
            if "tool_call" in known:  # where the gateway shows a catalogue in place of the tools
                return number, None, ("tool_call", {"id": name, "args": arguments})
            return number, f"There is no tool {name} here.", None
        return number, f"Answer {number} to {len(messages)} messages.", None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send(json.dumps({"object": "list", "data": [{"id": "echo-1", "object": "model"}]}), "application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = json.loads(body or b"{}")
        self.server.keys.append((self.headers.get("Authorization") or "").removeprefix("Bearer "))
        number, text, call = self.server.answer(request)
        self.server.speaks.wait(120)
        message = {"role": "assistant", "content": text}
        if call:
            message["tool_calls"] = [{"index": 0, "id": f"call_{number}", "type": "function",
                                      "function": {"name": call[0], "arguments": json.dumps(call[1])}}]
        usage = {"prompt_tokens": len(body) // 4 + 1, "completion_tokens": 12, "total_tokens": len(body) // 4 + 13}
        head = {"id": f"completion-{number}", "created": 1, "model": request.get("model", "echo-1")}
        reason = "tool_calls" if call else "stop"
        if not request.get("stream"):
            self.send(json.dumps({**head, "object": "chat.completion", "usage": usage,
                                  "choices": [{"index": 0, "message": message, "finish_reason": reason}]}), "application/json")
            return
        chunks = [{"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
                  {"choices": [], "usage": usage}]
        lines = [json.dumps({**head, "object": "chat.completion.chunk", **chunk}) for chunk in chunks] + ["[DONE]"]
        self.send("".join(f"data: {line}\n\n" for line in lines), "text/event-stream")

    def send(self, text, kind):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = Model(int(sys.argv[2]) if sys.argv[1:2] == ["--port"] else 0)
    print(server.port, flush=True)
    server.serve_forever()
