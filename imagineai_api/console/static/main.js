// The console begins here.

import { patience } from "./api.js";
import { shell } from "./parts/shell.js";
import { toast } from "./parts/toast.js";
import { start } from "./router.js";

patience.addEventListener("wait", ({ detail }) => {
  const why = detail.status === 429 ? "The service's limit is reached" : "A part of the service is away";
  toast(`${why}: going on in ${detail.seconds} s.`);
});

// A picture that is dropped beside a drop zone must not replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

start(shell(document.getElementById("app")));
