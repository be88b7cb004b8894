// Who is signed in. Tokens live in sessionStorage: they end with the tab, and no other origin reads them.

const KEY = "imagineai.session";
const told = new EventTarget();
// A tab that was duplicated holds the same refresh token, which is good for one use: the first to use it says so.
const siblings = new BroadcastChannel(KEY);

siblings.addEventListener("message", ({ data }) => {
  const mine = read();
  if (mine && mine.refresh_token === data.used) write({ ...mine, ...data.pair });
  if (mine && mine.refresh_token === data.ended) end("You have signed out.", false);
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
  write(pair);
  siblings.postMessage({ used, pair: tokens(pair) });
}

/** Forget the tokens and everything that was remembered for their owner. */
export function end(why = "", everywhere = true) {
  const mine = read();
  if (mine && everywhere) siblings.postMessage({ ended: mine.refresh_token });
  sessionStorage.clear();
  told.dispatchEvent(new CustomEvent("end", { detail: why }));
}

const tokens = ({ access_token, refresh_token }) => ({ access_token, refresh_token });
const write = (pair) => sessionStorage.setItem(KEY, JSON.stringify(tokens(pair)));
