/** A destination's profile: form and JSON over one draft, held against the engine's own rules before it is saved, with what it changes; a conflict loses nobody's work. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Card, Flex, Input, Segmented, Skeleton, Tag, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { differences } from "../../../../domain/partners/profiles.ts";
import type { Done } from "../../../../domain/operations/views.ts";
import type { ProfileCheck } from "../../../../domain/operations/views-destinations.ts";
import type { DestinationProfile } from "../../../../domain/operations/views-lanes.ts";
import { get, post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { DeedResult, type Deeds, useDeeds } from "../../parts/deed.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { Conflict } from "./conflict.tsx";
import { Differences } from "./differences.tsx";
import { byField, type Field, fieldsOf, readJson, type SchemaNode } from "./fields.ts";
import { ProfileForm } from "./profile-form.tsx";
import "../replays/texts.ts";
import "./texts.ts";

type Draft = Readonly<Record<string, unknown>>;
/** Typing is not held against the rules letter by letter. */
const CHECK_AFTER_MS = 400;

export function ProfileEditor({ destination }: { readonly destination: string }) {
  const path = `/destinations/${destination}`;
  const profile = useQuery({ queryKey: [path], queryFn: () => get<DestinationProfile>(path), refetchOnWindowFocus: true });
  const schema = useQuery({
    queryKey: ["/profile-schema"],
    queryFn: () => get<{ readonly schema: SchemaNode }>("/profile-schema"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const error = profile.error ?? schema.error;
  if (profile.data === undefined || schema.data === undefined) return error === null ? <Skeleton active /> : <Problem error={error} />;
  return <Editor present={profile.data} fields={fieldsOf(schema.data.schema)} />;
}

/** What the engine says of the draft; asked a moment after the last change. */
function useCheck(destination: string, draft: Draft, may: boolean): { readonly check: ProfileCheck | undefined; readonly error: unknown } {
  const [asked, setAsked] = useState(draft);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(draft), CHECK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  const path = `/destinations/${destination}/profile/check`;
  const query = useQuery({
    queryKey: [path, asked],
    queryFn: () => post<ProfileCheck>(path, { profile: asked }),
    enabled: may,
    placeholderData: (before) => before,
  });
  return { check: query.data, error: query.error };
}

function Editor({ present, fields }: { readonly present: DestinationProfile; readonly fields: readonly Field[] }) {
  const { t } = useTranslation("destinations");
  const may = useMay("profile");
  const deeds = useDeeds(["/destinations"]);
  const [base, setBase] = useState(present);
  const [draft, setDraft] = useState<Draft>(present.profile);
  const [how, setHow] = useState<"form" | "json">("form");
  const [text, setText] = useState("");
  const [badJson, setBadJson] = useState<string>();
  const { check, error } = useCheck(base.destination, draft, may);
  const changes = differences(base.profile, draft);
  const problems = check?.problems ?? [];
  const placed = byField(problems, fields);
  // In the form each stands at its field.
  const listed = how === "form" ? placed.over : problems;
  const load = (from: DestinationProfile, to: Draft = from.profile): void => {
    setBase(from);
    setDraft(to);
    setText(JSON.stringify(to, null, 2));
    setBadJson(undefined);
  };
  // Nothing of one's own to lose, or just saved by oneself: follow what is stored.
  useEffect(() => {
    if (present.version === base.version) return;
    if ([base.profile, present.profile].some((one) => differences(one, draft).length === 0)) load(present);
  });
  const typed = (next: string): void => {
    setText(next);
    const read = readJson(next);
    setBadJson(read.ok ? undefined : read.why);
    if (read.ok) setDraft(read.value);
  };
  return (
    <Flex vertical gap="small">
      <Facts present={present} />
      <DeedResult deeds={deeds} />
      <Problem error={error} />
      {present.version !== base.version && (
        <Conflict
          base={base}
          present={present}
          draft={draft}
          load={(from, to) => {
            deeds.clear();
            load(from, to);
          }}
        />
      )}
      <Flex justify="space-between" wrap gap="small">
        <Segmented<"form" | "json">
          value={how}
          onChange={(next) => {
            setText(JSON.stringify(draft, null, 2));
            setBadJson(undefined);
            setHow(next);
          }}
          options={[
            { value: "form", label: t("profile.form") },
            { value: "json", label: t("profile.json") },
          ]}
        />
        <Flex gap="small">
          <Button disabled={changes.length === 0} onClick={() => load(present)}>
            {t("profile.reset")}
          </Button>
          <Save
            base={base}
            draft={draft}
            changes={changes.length}
            problems={problems.length}
            badJson={badJson !== undefined}
            stale={present.version !== base.version}
            deeds={deeds}
          />
        </Flex>
      </Flex>
      {badJson !== undefined && <Alert type="error" showIcon title={t("profile.badJson", { why: badJson })} />}
      {problems.length > 0 && (
        <Alert
          type="error"
          showIcon
          role="alert"
          title={t("profile.problems", { n: problems.length })}
          {...(listed.length === 0 ? {} : { description: <Listed problems={listed} /> })}
        />
      )}
      {how === "form" ? (
        <ProfileForm fields={fields} draft={draft} change={setDraft} problems={placed.at} readOnly={!may} />
      ) : (
        <Input.TextArea
          aria-label={t("profile.json")}
          value={text}
          readOnly={!may}
          onChange={(event) => typed(event.target.value)}
          rows={24}
          style={{ fontFamily: "monospace" }}
          status={badJson === undefined && problems.length === 0 ? "" : "error"}
        />
      )}
      {changes.length > 0 && (
        <Card size="small" title={t("profile.changes")}>
          <Differences changes={changes} />
        </Card>
      )}
    </Flex>
  );
}

function Listed({ problems }: { readonly problems: Readonly<ProfileCheck["problems"]> }) {
  return (
    <ul style={{ margin: 0 }}>
      {problems.map((problem) => (
        <li key={`${problem.at} ${problem.en}`}>
          <Typography.Text code>{problem.at}</Typography.Text> {inLanguage(problem)}
        </li>
      ))}
    </ul>
  );
}

function Facts({ present }: { readonly present: DestinationProfile }) {
  const { t } = useTranslation("destinations");
  return (
    <Flex gap="small" wrap align="center">
      <Tag>{t("profile.version", { v: present.version })}</Tag>
      {present.fromSeed.length > 0 && <Tag color="processing">{t("seed.differs", { n: present.fromSeed.length })}</Tag>}
      {present.seedChanged && <Alert type="warning" showIcon title={t("seed.changed", { name: present.destination })} />}
      {present.override !== undefined && <Alert type="info" showIcon title={t("override", { url: present.override })} />}
    </Flex>
  );
}

interface SaveProps {
  readonly base: DestinationProfile;
  readonly draft: Draft;
  readonly changes: number;
  readonly problems: number;
  readonly badJson: boolean;
  readonly stale: boolean;
  readonly deeds: Deeds;
}

function Save({ base, draft, changes, problems, badJson, stale, deeds }: SaveProps) {
  const { t } = useTranslation("destinations");
  const { t: r } = useTranslation("replays");
  const ask = useAskReason();
  const may = useMay("profile");
  const name = base.destination;
  const why = (): string | undefined => {
    if (!may) return r("no.right.profile");
    if (badJson) return t("profile.badJson", { why: "" });
    if (changes === 0) return t("profile.noChanges");
    if (stale) return t("profile.stale");
    return problems > 0 ? t("profile.problems", { n: problems }) : undefined;
  };
  const save = async (): Promise<void> => {
    const fields = <Alert type="warning" showIcon title={t("profile.save.told")} style={{ marginBottom: 12 }} />;
    const reason = await ask({ title: t("profile.save.title", { name, n: changes }), fields, confirm: t("profile.save").replace("…", "") });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>(`/destinations/${name}/profile`, { reason, version: base.version, profile: draft }),
      ({ state }) => t("profile.saved", { v: state }),
    );
  };
  return (
    <NotNow type="primary" why={why()} loading={deeds.busy} onClick={() => void save()}>
      {t("profile.save")}
    </NotNow>
  );
}
