// The moment that an address names (#t=) outlives the question for the purpose: the forms carry it to the page they lead to.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.closest(".purpose")) form.action = form.getAttribute("action").split("#")[0] + location.hash;
}, { capture: true });
