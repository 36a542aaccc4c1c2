/** The editor as a person uses it: clicks, keys and dialogs. What goes wrong in the page is collected, whatever the test looks at. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";

const READY_MS = 30_000;
/** Generous: the machine may run much else at the same time. */
const STEP_MS = 20_000;
/** How long trays and lists of the editor slide. */
const SLIDE_MS = 500;
const EXAMPLES = "#red-ui-clipboard-dialog-import-tab-examples";

export interface Field {
  readonly label: string;
  /** Whether it is marked as invalid. */
  readonly invalid: boolean;
  readonly options: readonly string[];
  readonly shown: string;
  /** Whether its label fits on one line. */
  readonly fits: boolean;
}

export interface Palette {
  readonly category: string;
  readonly nodes: readonly { readonly type: string; readonly label: string; readonly icon: string }[];
}

// Run in the page; texts, because this project's own code knows no DOM.
const PALETTE = `({
  category: document.querySelector("#red-ui-palette-header-huiliu").textContent.trim(),
  nodes: [...document.querySelectorAll("#red-ui-palette-base-category-huiliu .red-ui-palette-node")].map((node) => ({
    type: node.dataset.paletteType,
    label: node.querySelector(".red-ui-palette-label").textContent.trim().replace(/\\s+/g, " "),
    icon: /url\\("(.*)"\\)/.exec(node.querySelector(".red-ui-palette-icon").style.backgroundImage)[1],
  })),
})`;
const FIELDS = `[...document.querySelectorAll("#dialog-form .form-row")].map((row) => {
  const input = row.querySelector("select, input");
  const box = row.querySelector(".red-ui-typedInput-container");
  return {
    label: row.querySelector("label").textContent.trim(),
    invalid: (box || input).classList.contains("input-error"),
    options: [...row.querySelectorAll("option")].map((one) => one.value),
    fits: row.querySelector("label").offsetHeight < 30,
    shown: box ? box.querySelector(".red-ui-typedInput-option-label").textContent : input.value,
  };
})`;

export interface Editor {
  readonly page: Page;
  /** Errors of the page, of its console and of its requests since the last call. */
  faults(): string[];
  palette(): Promise<Palette>;
  /** Import dialog: pastes JSON. */
  paste(nodes: readonly object[]): Promise<void>;
  /** Names under Import → Examples of our package. */
  examples(): Promise<string[]>;
  importExample(name: string): Promise<void>;
  openTab(label: string): Promise<void>;
  /** Double-clicks the node; resolves when its choices have come. */
  openNode(id: string): Promise<Field[]>;
  /** The help that the open dialog's book shows in the sidebar. */
  help(): Promise<string>;
  cancel(): Promise<void>;
  done(): Promise<void>;
  /** Presses Deploy and waits until the server has taken it. */
  deploy(): Promise<void>;
  /** Resolves when notifications have gone and nothing slides any more. */
  quiet(): Promise<void>;
  /** Text of the badge under a node. */
  badge(id: string): Promise<string>;
}

/** Opens the editor at `url` and waits until its palette is there. */
export async function openEditor(page: Page, url: string): Promise<Editor> {
  const faults: string[] = [];
  page.setDefaultTimeout(STEP_MS);
  page.on("pageerror", (error) => {
    const told = error.stack ?? error.message;
    // Node-RED's own box of tips, on a slow machine: its clock runs before the box is there (sidebar/tab-info.js).
    if (!/reading 'html'[\s\S]*red\/red\.min\.js/.test(told)) faults.push(`page: ${told}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(url, { timeout: READY_MS });
  await page.waitForSelector("#red-ui-palette-base-category-huiliu .red-ui-palette-node", { timeout: READY_MS });
  await page.waitForSelector(".red-ui-flow-node", { timeout: READY_MS });
  return handle(page, faults);
}

function handle(page: Page, faults: string[]): Editor {
  const label = (text: string) => page.locator("#red-ui-workspace-tabs .red-ui-tab-label", { hasText: text }).first();
  const confirmImport = async (): Promise<void> => {
    await page.click("#red-ui-clipboard-dialog-ok:not([disabled])");
    await page.waitForSelector("#red-ui-clipboard-dialog", { state: "hidden" });
  };
  const example = (text: string) => page.locator(`${EXAMPLES} .red-ui-treeList-label-text`, { hasText: new RegExp(`^${text}$`) });
  const openExamples = async (): Promise<void> => {
    await page.keyboard.press("Control+i");
    await page.waitForSelector("#red-ui-clipboard-dialog", { state: "visible" });
    await page.click("#red-ui-tab-red-ui-clipboard-dialog-import-tab-examples a");
    // A click on the name opens the folder, too, where the list has come by then: a second one would close it again.
    await example("huiliu").click();
    await page.waitForTimeout(SLIDE_MS);
    if (!(await example("message-in").isVisible())) await example("huiliu").locator("xpath=..").locator(".fa-angle-right").click();
    await example("message-in").waitFor();
    await page.waitForTimeout(SLIDE_MS);
  };
  const closeDialog = async (button: string): Promise<void> => {
    await page.click(button);
    await page.waitForSelector(button, { state: "detached" });
  };
  return {
    page,
    faults: () => faults.splice(0),
    palette: () => page.evaluate<Palette>(PALETTE),
    paste: async (nodes) => {
      await page.keyboard.press("Control+i");
      await page.fill("#red-ui-clipboard-dialog-import-text", JSON.stringify(nodes));
      await page.press("#red-ui-clipboard-dialog-import-text", "End");
      await page.keyboard.type(" "); // the dialog looks at what is typed
      await confirmImport();
    },
    examples: async () => {
      await openExamples();
      return page.locator(`${EXAMPLES} .red-ui-treeList-label-text`).allTextContents();
    },
    importExample: async (name) => {
      await example(name).click();
      await confirmImport();
    },
    openTab: async (text) => {
      await label(text).click();
      await page.locator("#red-ui-workspace-tabs .red-ui-tab.active", { hasText: text }).waitFor();
    },
    openNode: async (id) => {
      // The box itself: the middle of the whole node may lie on its badge, under a wire.
      await page.locator(`[id="${id}"] rect.red-ui-flow-node`).first().dblclick();
      await page.waitForSelector("#node-dialog-ok");
      await page.waitForTimeout(SLIDE_MS); // the tray slides in; choices are in the page already
      return page.evaluate<Field[]>(FIELDS);
    },
    help: async () => {
      await page.click(".red-ui-tray-footer-left button:has(.fa-book)");
      await page.waitForSelector(".red-ui-help .node-ports:visible, .red-ui-help h3:visible");
      return (await page.locator(".red-ui-help:visible").last().textContent()) ?? "";
    },
    cancel: () => closeDialog("#node-dialog-cancel"),
    done: () => closeDialog("#node-dialog-ok"),
    deploy: async () => {
      const taken = page.waitForResponse((answer) => answer.url().endsWith("/flows") && answer.request().method() === "POST", {
        timeout: READY_MS,
      });
      await page.click("#red-ui-header-button-deploy:not(.disabled)");
      assert.equal((await taken).status(), 200, "deployed");
    },
    quiet: async () => {
      await page.waitForFunction(`document.querySelectorAll(".red-ui-notification").length === 0`, undefined, { timeout: STEP_MS });
      await page.waitForTimeout(SLIDE_MS);
    },
    badge: async (id) => (await page.locator(`[id="${id}"] .red-ui-flow-node-status-label`).textContent()) ?? "",
  };
}
