/**
 * A deploy plays the stored tests of the flows it changes, and is refused where one fails, with the test and the place. Who has the right `override` may deploy all the
 * same with a reason, which is audited. Flows without tests may be deployed, with a warning: production never loads them (docs/flow-tests.md).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Right } from "../../domain/access/rights.ts";
import { differenceLines, type FlowTestRun } from "../../domain/flowtests/result.ts";
import { SHARED, type StoredNode } from "./flow-files.ts";
import type { RunFlowTests } from "./flow-tests.ts";

/** Carries why somebody deploys a flow whose tests fail: percent-encoded, because headers hold ASCII only. */
const REASON_HEADER = "huiliu-deploy-reason";
const FLOW_TESTS_FAILED = "flow_tests_failed";
/** What deploying all the same wants (domain/access/rights.ts). */
const OVERRIDE: Right = "override";
const REASON = { least: 5, most: 500 };
/** Failed tests, and differences of each, that a refusal tells; the editor's own view has them all. */
const TOLD_MAX = 3;
const DIFFERENCES_MAX = 2;
const UNPROCESSABLE = 422;
const FORBIDDEN = 403;

/** Whoever deploys, as the editor's gate let him in (gate.ts); undefined where there is none (tests). Node-RED's own permissions tell nothing: everybody in the editor has all. */
export interface Deployer {
  readonly username?: string;
  readonly rights?: readonly Right[];
}

/** A deploy that was let through although tests fail. */
export interface Override {
  readonly by: string;
  readonly reason: string;
  readonly flows: readonly string[];
  readonly failed: readonly string[];
}

export interface DeployTests {
  /** Resolves when the deploy may go on; rejects with what the editor shows, and its HTTP status. */
  check(
    before: Readonly<Record<string, readonly StoredNode[]>>,
    after: Readonly<Record<string, readonly StoredNode[]>>,
    user: Deployer | undefined,
  ): Promise<void>;
  /** Express middleware: keeps the reason that came with a deploy until `check` asks for it. */
  readonly carryReason: (request: { readonly headers: Readonly<Record<string, unknown>> }, response: unknown, next: () => void) => void;
}

export interface DeployTestsDeps {
  readonly root: string;
  readonly run: RunFlowTests;
  /** Audits an override before it takes effect; rejects when it could not. */
  readonly note: (override: Override) => Promise<void>;
  readonly log: (level: "info" | "warn" | "error", text: string, detail?: Readonly<Record<string, unknown>>) => void;
}

/** A node without what the canvas alone cares about: moving it changes nothing that a test could see. */
function bare({ x: _x, y: _y, w: _w, h: _h, order: _order, info: _info, ...node }: StoredNode): unknown {
  return Object.fromEntries(Object.entries(node).sort(([one], [other]) => (one < other ? -1 : 1)));
}

const printOf = (nodes: readonly StoredNode[] | undefined): string =>
  JSON.stringify([...(nodes ?? [])].sort((one, other) => (one.id < other.id ? -1 : 1)).map(bare));

/** Folders in which something else happens after the deploy. What belongs to no tab may be used by any: then it is all of them. */
export function changedFlows(
  before: Readonly<Record<string, readonly StoredNode[]>>,
  after: Readonly<Record<string, readonly StoredNode[]>>,
): readonly string[] {
  const folders = Object.keys(after).filter((folder) => folder !== SHARED);
  if (printOf(before[SHARED]) !== printOf(after[SHARED])) return folders;
  return folders.filter((folder) => printOf(before[folder]) !== printOf(after[folder]));
}

/** What the editor shows of a run that failed. */
function refusalText(run: Pick<FlowTestRun, "results" | "problems" | "failed">): string {
  const failed = run.results.filter((one) => !one.passed);
  const lines = [
    `流程测试未通过，没有部署 · the flow's stored tests fail, nothing was deployed (${run.failed + run.problems.length})`,
    ...run.problems.slice(0, TOLD_MAX).map(({ at, zh, en }) => `✗ ${at}: ${zh} · ${en}`),
    ...failed
      .slice(0, TOLD_MAX)
      .flatMap(({ flow, test, differences }) => [
        `✗ flows/${flow}/tests/${test}`,
        ...differences.slice(0, DIFFERENCES_MAX).flatMap((one) => differenceLines(one).map((line) => `  ${line}`)),
      ]),
  ];
  if (failed.length > TOLD_MAX) lines.push(`… ${failed.length - TOLD_MAX}`);
  return lines.join("\n");
}

const refused = (text: string, status: number): Error => Object.assign(new Error(text), { code: FLOW_TESTS_FAILED, status });

/** Makes the gate of deploys. */
export function createDeployTests(deps: DeployTestsDeps): DeployTests {
  const reasons = new AsyncLocalStorage<string>();

  const override = async (run: FlowTestRun, flows: readonly string[], user: Deployer | undefined): Promise<void> => {
    const reason = reasons.getStore()?.trim() ?? "";
    if (reason === "") throw refused(refusalText(run), UNPROCESSABLE);
    if (user !== undefined && user.rights?.includes(OVERRIDE) !== true)
      throw refused(`没有 override 权限，不能部署测试未通过的流程 · the right “override” is needed\n${refusalText(run)}`, FORBIDDEN);
    if (reason.length < REASON.least || reason.length > REASON.most)
      throw refused(
        `理由应有 ${REASON.least} 到 ${REASON.most} 个字符 · a reason has ${REASON.least} to ${REASON.most} characters\n${refusalText(run)}`,
        UNPROCESSABLE,
      );
    const failed = [
      ...run.problems.map(({ at }) => at),
      ...run.results.filter((one) => !one.passed).map(({ flow, test }) => `${flow}/${test}`),
    ];
    await deps.note({ by: user?.username ?? "editor", reason, flows, failed });
    deps.log("warn", "flows whose tests fail were deployed by override", { by: user?.username, reason, flows, failed });
  };

  return {
    carryReason: ({ headers }, _response, next) => {
      const given = headers[REASON_HEADER];
      if (typeof given !== "string" || given === "") {
        next();
        return;
      }
      let reason = given;
      try {
        reason = decodeURIComponent(given);
      } catch {
        // Not percent-encoded: taken as it stands.
        reason = given;
      }
      reasons.run(reason, next);
    },
    check: async (before, after, user) => {
      const flows = changedFlows(before, after);
      if (flows.length === 0) return;
      let run: FlowTestRun;
      try {
        run = await deps.run({ root: deps.root, only: flows, flows: after });
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        const problem = { at: "flow-tests", zh: `测试没有跑起来：${text}`, en: `the tests could not be played: ${text}` };
        run = { passed: false, tests: 0, failed: 0, untested: [], results: [], problems: [problem], ms: 0 };
      }
      for (const flow of run.untested)
        deps.log("warn", `流程 ${flow} 没有存储的测试，生产环境不会加载 (flow ${flow} has no stored tests: production will not load it)`, {
          flow,
        });
      if (!run.passed) await override(run, flows, user);
    },
  };
}
