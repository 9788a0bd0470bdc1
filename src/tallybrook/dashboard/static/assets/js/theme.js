// Classic and blocking on purpose: the chosen theme must be set before the first paint.
(() => {
  const chosen = localStorage.getItem("tallybrook.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
