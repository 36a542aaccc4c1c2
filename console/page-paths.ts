/**
 * Addresses that the console's pages answer: each is index.html, and the page's own router does the rest. A contract test holds them against console/web/pages.ts and
 * app.tsx; any other address is not found, so that a mistyped one is told as what it is.
 */
export const PAGE_PATHS: readonly string[] = [
  "/",
  "/alarms",
  "/search",
  "/messages/:id",
  "/write-backs/:id",
  "/write-backs/:id/edit",
  "/failures",
  "/failures/:id",
  "/replays",
  "/replays/:id",
  "/approvals",
  "/edits/:id",
  "/destinations",
  "/destinations/:id",
  "/mappings",
  "/audit",
  "/accounts",
  "/setup",
  "/me",
];
