/** A replay job by time or by pasted ids: the selection is put together here, reason and terms are asked by the one dialog for all. */
import { Drawer, Flex, Form, Input, Segmented, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Deeds } from "../../parts/deed.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { type ReplaySelection, useMakeReplay, useReplayTerms } from "../failures/replay-button.tsx";
import { idsIn } from "./model.ts";

type Of = "write-backs" | "messages";
const STATES: Readonly<Record<Of, readonly string[]>> = { "write-backs": ["parked", "waiting", "deferred"], messages: ["parked"] };
const IDS_MAX = 1_000;

export interface NewReplayProps {
  readonly open: boolean;
  readonly close: () => void;
  readonly deeds: Deeds;
}

export function NewReplay({ open, close, deeds }: NewReplayProps) {
  const { t } = useTranslation("replays");
  const { t: p } = useTranslation("parts");
  const [of, setOf] = useState<Of>("write-backs");
  const [by, setBy] = useState<"since" | "ids">("since");
  const [given, setGiven] = useState({ since: "", until: "", partner: "", state: "parked", code: "", ids: "" });
  const make = useMakeReplay(deeds);
  const max = useReplayTerms().data?.idsMax ?? IDS_MAX;
  const { ids, wrong } = idsIn(given.ids);
  const set = (name: keyof typeof given) => (value: string) => setGiven({ ...given, [name]: value });
  const why =
    by === "since"
      ? given.since === ""
        ? t("new.needSince")
        : undefined
      : ids.length === 0
        ? t("new.needIds")
        : ids.length > max
          ? t("new.tooMany", { n: max })
          : undefined;
  const select = (): ReplaySelection => {
    if (by === "ids") return { ids };
    const { since, until, partner, state, code } = given;
    const maybe = Object.fromEntries(
      Object.entries({ until, partner: partner.trim(), code: code.trim() }).filter(([, value]) => value !== ""),
    );
    return { since, state: STATES[of].includes(state) ? state : "parked", ...maybe };
  };
  const box = (name: "since" | "until" | "partner" | "code", type = "text") => (
    <Form.Item label={t(`new.${name}`)} htmlFor={`new-${name}`}>
      <Input id={`new-${name}`} type={type} value={given[name]} onChange={(event) => set(name)(event.target.value)} />
    </Form.Item>
  );
  return (
    <Drawer open={open} onClose={close} title={t("new.title")} size={480} closable={{ "aria-label": p("ask.cancel") }}>
      <Form layout="vertical">
        <Form.Item label={t("new.of")}>
          <Segmented<Of>
            value={of}
            onChange={setOf}
            options={[
              { value: "write-backs", label: t("of.write-backs") },
              { value: "messages", label: t("of.messages") },
            ]}
          />
        </Form.Item>
        <Form.Item label={t("new.by")}>
          <Segmented<"since" | "ids">
            value={by}
            onChange={setBy}
            options={[
              { value: "since", label: t("new.by.since") },
              { value: "ids", label: t("new.by.ids") },
            ]}
          />
        </Form.Item>
        {by === "since" ? (
          <>
            {box("since", "datetime-local")}
            {box("until", "datetime-local")}
            {box("partner")}
            <Form.Item label={t("new.state")} htmlFor="new-state">
              <Select
                id="new-state"
                value={STATES[of].includes(given.state) ? given.state : "parked"}
                onChange={set("state")}
                options={STATES[of].map((state) => ({
                  value: state,
                  label: p(`${of === "messages" ? "message" : "write-back"}.${state}`),
                }))}
              />
            </Form.Item>
            {box("code")}
          </>
        ) : (
          <Form.Item
            label={t("new.ids", { n: max })}
            htmlFor="new-ids"
            validateStatus={wrong.length > 0 ? "warning" : ""}
            help={wrong.length > 0 ? wrong.slice(0, 3).join(" ") : undefined}
          >
            <Input.TextArea id="new-ids" rows={8} value={given.ids} onChange={(event) => set("ids")(event.target.value)} />
          </Form.Item>
        )}
        <Flex justify="space-between" align="center">
          <Typography.Text type="secondary">{by === "ids" ? t("select.ids", { n: ids.length }) : ""}</Typography.Text>
          <NotNow
            type="primary"
            why={why}
            loading={deeds.busy}
            onClick={() => {
              close();
              void make(of, select());
            }}
          >
            {t("new.go")}
          </NotNow>
        </Flex>
      </Form>
    </Drawer>
  );
}
