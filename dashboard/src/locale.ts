// Browsers started under a POSIX locale call their language "en-US@posix", which Intl (and uPlot at load) refuses.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en", configurable: true });
}
export {};
