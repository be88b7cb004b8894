// The WebSocket: a job's events, resumed where a connection broke. A user has five sockets; we take four.

import { accessToken } from "./api.js";
import * as session from "./session.js";

const AT_ONCE = 4;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const NO_TOKEN = 4001;
const NOT_YOURS = 4003;

const watchers = new Set();
const open = new Set();
const waiting = [];

/** Follow a job to its end. Calls `tell` with each event, and with `{type: "gone"}` where there is no such job. */
export function watch(jobId, tell) {
  if (!session.signedIn()) return () => {};
  const watcher = { jobId, tell, seq: 0, wait: FIRST_WAIT_MS, over: false };
  watchers.add(watcher);
  waiting.push(watcher);
  connectNext();
  return () => leave(watcher);
}

// All at once, also those between two connections: leaving one would connect the next.
session.onEnd(() => {
  const all = [...watchers];
  all.forEach((one) => { one.over = true; });
  all.forEach(leave);
});

function connectNext() {
  while (open.size < AT_ONCE && waiting.length) {
    const watcher = waiting.shift();
    if (!watcher.over) {
      open.add(watcher);
      connect(watcher);
    }
  }
}

function connect(watcher) {
  const token = session.read()?.access_token ?? "";
  const address = new URL(`/ws/processing/${watcher.jobId}`, location.href.replace(/^http/, "ws"));
  address.hash = "";
  address.search = new URLSearchParams({ token, after: watcher.seq });
  const socket = new WebSocket(address);
  watcher.socket = socket;
  socket.addEventListener("message", (message) => hear(watcher, JSON.parse(message.data)));
  socket.addEventListener("close", (closed) => reconnect(watcher, closed.code, token));
}

function hear(watcher, event) {
  watcher.wait = FIRST_WAIT_MS;
  watcher.seq = event.seq;
  watcher.tell(event);
  if (event.type !== "step_update") leave(watcher);
}

async function reconnect(watcher, code, token) {
  open.delete(watcher);
  if (watcher.over) return connectNext();
  if (code === NOT_YOURS) {
    watcher.tell({ type: "gone" });
    return leave(watcher);
  }
  if (code === NO_TOKEN) await accessToken(token).catch(() => {});
  if (watcher.over || !session.signedIn()) return leave(watcher);
  const isRenewed = code === NO_TOKEN && session.read().access_token !== token;
  // A place that another tab holds, a restart of the service, a train in a tunnel: patience, then on from `seq`.
  setTimeout(() => {
    waiting.push(watcher);
    connectNext();
  }, isRenewed ? 0 : watcher.wait);
  watcher.wait = Math.min(watcher.wait * 2, LONGEST_WAIT_MS);
  connectNext();
}

function leave(watcher) {
  watcher.over = true;
  watchers.delete(watcher);
  open.delete(watcher);
  watcher.socket?.close();
  connectNext();
}
