/** Every page of the console: its address, what it is called (texts key `menu.<name>`), what right it needs, and where its code is. */
import { type ComponentType, lazy } from "react";
import type { Right } from "../../domain/access/rights.ts";

export interface PageEntry {
  readonly name: string;
  readonly path: string;
  readonly right: Right;
  /** Absent from the menu: reached from other pages. */
  readonly hidden?: boolean;
  readonly page: ComponentType;
}

const page = (load: () => Promise<{ default: ComponentType }>) => lazy(load);

export const PAGES: readonly PageEntry[] = [
  { name: "now", path: "/", right: "look", page: page(() => import("./pages/now/page.tsx")) },
  { name: "alarms", path: "/alarms", right: "look", page: page(() => import("./pages/alarms/page.tsx")) },
  { name: "search", path: "/search", right: "look", page: page(() => import("./pages/search/page.tsx")) },
  { name: "message", path: "/messages/:id", right: "look", hidden: true, page: page(() => import("./pages/message/page.tsx")) },
  { name: "writeBack", path: "/write-backs/:id", right: "look", hidden: true, page: page(() => import("./pages/message/write-back.tsx")) },
  { name: "failures", path: "/failures", right: "look", page: page(() => import("./pages/failures/page.tsx")) },
  { name: "failure", path: "/failures/:id", right: "look", hidden: true, page: page(() => import("./pages/failures/group.tsx")) },
  { name: "replays", path: "/replays", right: "look", page: page(() => import("./pages/replays/page.tsx")) },
  { name: "replay", path: "/replays/:id", right: "look", hidden: true, page: page(() => import("./pages/replays/job.tsx")) },
  { name: "approvals", path: "/approvals", right: "look", page: page(() => import("./pages/approvals/page.tsx")) },
  { name: "edit", path: "/edits/:id", right: "look", hidden: true, page: page(() => import("./pages/edits/edit.tsx")) },
  { name: "editNew", path: "/write-backs/:id/edit", right: "edit", hidden: true, page: page(() => import("./pages/edits/new.tsx")) },
  { name: "destinations", path: "/destinations", right: "look", page: page(() => import("./pages/destinations/page.tsx")) },
  {
    name: "destination",
    path: "/destinations/:id",
    right: "look",
    hidden: true,
    page: page(() => import("./pages/destinations/destination.tsx")),
  },
  { name: "mappings", path: "/mappings", right: "mapping", page: page(() => import("./pages/mappings/page.tsx")) },
  { name: "audit", path: "/audit", right: "audit", page: page(() => import("./pages/audit/page.tsx")) },
  { name: "accounts", path: "/accounts", right: "account", page: page(() => import("./pages/accounts/page.tsx")) },
];
