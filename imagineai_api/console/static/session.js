// Who is signed in. Tokens live in sessionStorage: they end with the tab, and no other origin reads them.

const KEY = "imagineai.session";
const SPENT_KEPT = 32;
const ANSWER_WITHIN_MS = 200;
const told = new EventTarget();
// A tab that was duplicated holds the same refresh token, which is good for one use: the first to use it says so.
const siblings = new BroadcastChannel(KEY);

siblings.addEventListener("message", ({ data }) => {
  const mine = read();
  if (mine && mine.refresh_token === data.used) write({ ...mine, ...data.pair });
  if (mine && mine.refresh_token === data.ended) end("You have signed out.", false);
  if (mine && tokens(mine).spent.includes(data.asked)) siblings.postMessage({ used: data.asked, pair: tokens(mine) });
});

export const read = () => JSON.parse(sessionStorage.getItem(KEY) ?? "null");
export const signedIn = () => read() !== null;
export const onEnd = (listener) => told.addEventListener("end", (event) => listener(event.detail));

/** Begin with a pair of tokens. */
export function begin(pair) {
  write(pair);
}

/** Take a new pair in place of the one that was used up. */
export function renew(used, pair) {
  const next = { ...pair, spent: [...tokens(read()).spent, used].slice(-SPENT_KEPT) };
  write(next);
  siblings.postMessage({ used, pair: tokens(next) });
}

/** Take the pair that a duplicate got while this tab was at another site and heard of nothing; soon over without one. */
export function catchUp() {
  const asked = read().refresh_token;
  const limit = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return new Promise((resolve) => {
    limit.addEventListener("abort", resolve);
    siblings.addEventListener("message", ({ data }) => { if (data.used === asked) resolve(); }, { signal: limit });
    siblings.postMessage({ asked });
  });
}

/** Forget the tokens and everything that was remembered for their owner. */
export function end(why = "", everywhere = true) {
  const mine = read();
  if (mine && everywhere) siblings.postMessage({ ended: mine.refresh_token });
  sessionStorage.clear();
  told.dispatchEvent(new CustomEvent("end", { detail: why }));
}

const tokens = ({ access_token, refresh_token, spent = [] }) => ({ access_token, refresh_token, spent });
const write = (pair) => sessionStorage.setItem(KEY, JSON.stringify(tokens(pair)));
