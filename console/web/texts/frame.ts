import type { Texts } from "./index.ts";

/** What stands around every page, and the words that all pages share. */
export const FRAME_TEXTS: Texts = {
  "menu.now": ["当前", "Now"],
  "menu.alarms": ["告警", "Alarms"],
  "menu.search": ["查找", "Search"],
  "menu.failures": ["失败", "Failures"],
  "menu.replays": ["重放", "Replay"],
  "menu.destinations": ["目的地与队列", "Destinations and lanes"],
  "menu.mappings": ["映射", "Mappings"],
  "menu.audit": ["审计", "Audit"],
  "menu.accounts": ["账号", "Accounts"],
};
