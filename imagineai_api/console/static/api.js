// The REST API: token, refresh, patience where the service asks for it, and its own sentences as errors.

import * as session from "./session.js";

const BASE = "/api/v1";
const PATIENCE = 5;
const AWAY = "The service cannot be reached. Check the connection, then try again.";
const CUT = "The connection broke before the file was whole. Please try again.";
const NOT_STORED = "The storage did not take the file. If that happens again, your operator knows whether it lets this"
  + " page in (CORS).";
const OPERATORS = /<([^>]+)>; rel="related"/;
const RETRY_AFTER = /^retry-after: (.*)$/im;
const LAPSED = "Your session has ended. Please sign in again.";

/** What the service refused, in its words; status 0 where it could not be asked. */
export class Refusal extends Error {
  constructor(status, sentence, retryAfter = 0) {
    super(sentence);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Tells of waits: `wait` events carry the seconds. */
export const patience = new EventTarget();

export const get = (path, query, options) => call("GET", path + asQuery(query), options);
export const post = (path, json, options) => call("POST", path, { ...options, json });
export const patch = (path, json, options) => call("PATCH", path, { ...options, json });
export const remove = (path, options) => call("DELETE", path, options);
/** Send a form; `progress(sent, total)` hears how many bytes are out. */
export const send = (path, form, options) => call("POST", path, { ...options, form });

/** Put a file where the service said; `progress(sent, total)` hears how many bytes are out. */
export async function put(address, content, type, { signal, progress }) {
  try {
    const answer = await transfer("PUT", address, { "Content-Type": type }, content, signal, progress);
    if (answer.ok) return;
  } catch (error) {
    if (signal.aborted) throw error;
  }
  throw new Refusal(0, NOT_STORED);
}

/** Get a file: its name and its content. */
export const file = (path, query, options) => call("GET", path + asQuery(query), { ...options, take: content });

/** Who is signed in; with `operators`, the address of their page, where the service names it. */
export const me = () => get("/auth/me", {}, { take: withOperators });

export const register = (account) => ask("POST", "/auth/register", { json: account }).then(read);

/** Sign in; the tokens are kept by the session. */
export async function signIn(email, password) {
  session.begin(await read(await ask("POST", "/auth/login", { json: { email, password } })));
}

/** Sign out: here at once, then at the service, so that nobody goes on with these tokens. */
export async function signOut() {
  const { refresh_token } = session.read();
  session.end();
  await read(await ask("POST", "/auth/logout", { json: { refresh_token }, keepalive: true }));
}

/** A token that works, refreshed where `stale` is the one in use. */
export async function accessToken(stale) {
  const now = session.read();
  if (now && now.access_token === stale) await refresh(stale);
  return session.read()?.access_token;
}

let sessions = 0;
session.onEnd(() => { sessions += 1; });

async function call(method, path, options = {}) {
  const asked = sessions;
  let isRefreshed = false;
  for (let attempt = 1; ; attempt += 1) {
    // What waited while its visitor signed out is not sent in the name of the next one.
    if (asked !== sessions) throw new Refusal(401, LAPSED);
    const token = session.read()?.access_token;
    const answer = await ask(method, path, { ...options, token });
    const waits = Number(answer.headers.get("Retry-After"));
    if (answer.status === 401 && !isRefreshed && token) {
      isRefreshed = true;
      await refresh(token);
    } else if (attempt < PATIENCE && isWorthWaiting(method, answer.status, waits)) {
      await pause(waits, options.signal, answer.status);
    } else {
      return (options.take ?? read)(answer);
    }
  }
}

// A refusal by a limit did nothing, so anything may be asked again; an outage may have, so only reading is.
function isWorthWaiting(method, status, waits) {
  if (status === 429) return waits > 0;
  return method === "GET" && (status === 502 || status === 503) && waits > 0 && waits < 10;
}

async function ask(method, path, { json, form, token, signal, progress, keepalive } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  try {
    if (progress) return await transfer(method, BASE + path, headers, form, signal, progress);
    return await fetch(BASE + path, {
      method, headers, signal, keepalive, cache: "no-store", credentials: "omit",
      body: json === undefined ? form : JSON.stringify(json),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, AWAY);
  }
}

/** As fetch does, but telling how many bytes are out, which fetch does not know. */
function transfer(method, address, headers, body, signal, progress) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open(method, address);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded, total));
    request.addEventListener("load", () => resolve(new Response(request.responseText, {
      status: request.status, headers: { "Retry-After": RETRY_AFTER.exec(request.getAllResponseHeaders())?.[1] ?? "" },
    })));
    request.addEventListener("error", () => reject(new TypeError("The connection broke.")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    signal.addEventListener("abort", stop);
    request.send(body);
  });
}

async function read(answer) {
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return said;
  const sentence = said?.detail ?? `The service answered with ${answer.status}.`;
  throw new Refusal(answer.status, sentence, Number(answer.headers.get("Retry-After")));
}

async function withOperators(answer) {
  return { ...await read(answer), operators: OPERATORS.exec(answer.headers.get("Link"))?.[1] };
}

async function content(answer) {
  if (!answer.ok) return read(answer);
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "file";
  try {
    return { name, blob: await answer.blob() };
  } catch {
    throw new Refusal(0, CUT);
  }
}

/** Exchange the refresh token, once for all who ask at the same time, in this tab and its duplicates. */
function refresh(stale) {
  return alone(async () => {
    if (session.read()?.access_token === stale) await session.catchUp();
    const pair = session.read();
    if (!pair || pair.access_token !== stale) return;
    const answer = await ask("POST", "/auth/refresh", { json: { refresh_token: pair.refresh_token } });
    // Who has signed out meanwhile stays signed out: the service has ended the new pair with the old one.
    if (session.read()?.refresh_token !== pair.refresh_token) throw new Refusal(401, LAPSED);
    if (answer.status === 401) {
      session.end(LAPSED);
      throw new Refusal(401, LAPSED);
    }
    session.renew(pair.refresh_token, await read(answer));
  });
}

let before = Promise.resolve();

/** One after the other; browsers have locks across tabs only where the page came by HTTPS or from localhost. */
function alone(act) {
  if (navigator.locks) return navigator.locks.request("imagineai.refresh", act);
  before = before.catch(() => {}).then(act);
  return before;
}

function pause(seconds, signal, status) {
  patience.dispatchEvent(new CustomEvent("wait", { detail: { seconds, status } }));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

function asQuery(query = {}) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) said.append(name, one);
  }
  return said.size ? `?${said}` : "";
}
