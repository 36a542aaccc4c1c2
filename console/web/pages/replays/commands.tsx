/** What a person does with a job: every command says with numbers what will happen, asks why, and is shut with its reason where it may not be given. */
import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { post } from "../../api/client.ts";
import { useMay, useMe } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { yuanText } from "../../parts/fen.ts";
import { NotNow } from "../../parts/not-now.tsx";
import { useReplayTerms } from "../failures/replay-button.tsx";
import { progressOf, samePerson, willNeed } from "./model.ts";
import { needWords } from "./need-words.ts";

export type Command = "start" | "approve" | "pause" | "resume" | "cancel" | "continue";
const DANGER: ReadonlySet<Command> = new Set(["cancel", "continue"]);
const PRIMARY: ReadonlySet<Command> = new Set(["start", "approve", "resume"]);
const HASH_SHOWN = 12;
/** Approving has its place in the approval's own box. */
const IN_HEAD: readonly Command[] = ["start", "pause", "resume", "continue", "cancel"];

export interface JobCommandProps {
  readonly job: ReplayJob;
  readonly command: Command;
  readonly deeds: Deeds;
}

/** The sentence of what will happen. */
function useTold(job: ReplayJob, command: Command): { readonly title: string; readonly told: string } {
  const { t } = useTranslation("replays");
  const terms = useReplayTerms().data;
  const { preview } = job;
  const { left, failed } = progressOf(job);
  const canary = Math.min(terms?.canary ?? 10, preview.planned);
  const values = {
    planned: preview.planned,
    money: yuanText(preview.fen) ?? preview.fen,
    left,
    failed,
    by: job.requestedBy,
    canary,
    rest: preview.planned - canary,
    hash: `${job.hash.slice(0, HASH_SHOWN)}…`,
  };
  const needed = command === "start" && terms !== undefined ? willNeed(preview, terms.approval) : [];
  const second = needed.length === 0 ? "" : ` ${t("ask.start.approval", { why: needWords(t, needed, terms?.approval) })}`;
  return { title: t(`ask.${command}`, values), told: `${t(`ask.${command}.told`, values)}${second}` };
}

export function JobCommand({ job, command, deeds }: JobCommandProps) {
  const { t } = useTranslation("replays");
  const me = useMe();
  const ask = useAskReason();
  const [mayReplay, mayApprove] = [useMay("replay"), useMay("approve")];
  const { title, told } = useTold(job, command);
  const approve = command === "approve";
  const why = (): string | undefined => {
    if (approve && samePerson(me.name, job.requestedBy)) return t("approval.own.short");
    if (approve && !mayApprove) return t("no.right.approve");
    if (!approve && !mayReplay) return t("no.right.replay");
    return command === "start" && job.preview.planned === 0 ? t("not.start.nothing") : undefined;
  };
  const give = async (): Promise<void> => {
    const fields = <Alert type={DANGER.has(command) ? "warning" : "info"} showIcon title={told} style={{ marginBottom: 12 }} />;
    const reason = await ask({ title, fields, danger: DANGER.has(command), confirm: t(`do.${command}`) });
    if (reason === undefined) return;
    await deeds.act(
      () => post<ReplayJob>(`/replays/${job.id}/${command}`, { reason, hash: job.hash }),
      ({ state }) => t(command === "start" && state === "awaiting-approval" ? "done.start.waiting" : `done.${command}`),
    );
  };
  return (
    <NotNow
      type={PRIMARY.has(command) ? "primary" : "default"}
      danger={DANGER.has(command)}
      why={why()}
      loading={deeds.busy}
      onClick={() => void give()}
    >
      {t(`do.${command}`)}
    </NotNow>
  );
}

export function JobCommands({ job, deeds }: { readonly job: ReplayJob; readonly deeds: Deeds }) {
  return IN_HEAD.filter((command) => job.allowed.includes(command)).map((command) => (
    <JobCommand key={command} job={job} command={command} deeds={deeds} />
  ));
}
