// The page's own behaviour: what is loaded, and the thin bar while htmx waits. Keys are in keyboard.js.
import "./keyboard.js";

const busy = document.getElementById("busy");
let waiting = 0;

function wait(step) {
  waiting = Math.max(0, waiting + step);
  busy?.classList.toggle("on", waiting > 0);
}

document.addEventListener("htmx:before:request", () => wait(1));
document.addEventListener("htmx:finally:request", () => wait(-1));

// Open menus close when the eye goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest?.("[data-open]");
  if (opener) document.getElementById(opener.dataset.open)?.showModal();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

document.querySelector("[data-first]")?.focus();
