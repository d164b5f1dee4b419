// Light, dark or what the system says. Runs before the first paint; the choice stays on this device.
(() => {
  const root = document.documentElement;
  const order = ["system", "light", "dark"];
  const night = matchMedia("(prefers-color-scheme: dark)");
  const read = () => { try { const kept = localStorage.getItem("theme"); return order.includes(kept) ? kept : "system"; } catch { return "system"; } };
  const apply = () => {
    const choice = read();
    root.dataset.bsTheme = choice === "system" ? (night.matches ? "dark" : "light") : choice;
    document.querySelectorAll("[data-theme-name]").forEach(e => { e.textContent = e.dataset[choice]; });
  };
  apply();
  night.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", event => {
    if (!event.target.closest?.("[data-theme-next]")) return;
    try { localStorage.setItem("theme", order[(order.indexOf(read()) + 1) % order.length]); } catch { /* private window: for this page only */ }
    apply();
  });
})();
