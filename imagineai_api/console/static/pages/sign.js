// Signing in and signing up.

import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { field } from "../parts/dialog.js";
import { mark } from "../parts/icons.js";
import { goOn, takeNote } from "../router.js";

const email = () => h("input", { name: "email", type: "email", autocomplete: "username", required: true, autofocus: true });

export function signIn({ main }) {
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  page(main, "Sign in", "Sign in", [field("Email", email()), field("Password", password)],
    ({ email, password }) => api.signIn(email, password),
    ["New here?", "#/sign-up", "Create an account"]);
}

export function signUp({ main }) {
  const name = h("input", { name: "full_name", autocomplete: "name", required: true, autofocus: true });
  const password = h("input", {
    name: "password", type: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 128,
  });
  page(main, "Create an account", "Create account",
    [field("Your name", name), field("Email", email()), field("Password", password, "At least 8 characters")],
    async (account) => {
      await api.register(account);
      await api.signIn(account.email, account.password);
    },
    ["You have an account?", "#/sign-in", "Sign in"]);
}

function page(main, title, button, fields, submit, [question, address, words]) {
  const problem = h("p", { class: "problem", role: "alert" });
  const doing = h("button", { class: "button wide", type: "submit" }, button);
  const form = h("form", { class: "form" }, fields, problem, doing);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    doing.disabled = true;
    problem.textContent = "";
    try {
      await submit(Object.fromEntries(new FormData(form)));
      goOn();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      doing.disabled = false;
    }
  });
  const note = takeNote();
  fill(main, h("section", { class: "sign" },
    h("p", { class: "brand" }, mark(), "ImagineAI"),
    h("h1", {}, title),
    h("p", { class: "muted" }, "Product photos in, findings out: labels, colours, defects and a description."),
    note ? h("p", { class: "note", role: "status" }, note) : null,
    form,
    h("p", { class: "muted" }, `${question} `, h("a", { href: address }, words))));
  form.querySelector("[autofocus]").focus();
}
