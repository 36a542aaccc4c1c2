/** Lanes that wait for a person, and what a person does with them; every deed says what will happen to which bill. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex, Segmented, Table, Typography } from "antd";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Page as PageOf } from "../../../../domain/operations/views.ts";
import type { LaneRow } from "../../../../domain/operations/views-lanes.ts";
import { get } from "../../api/client.ts";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Age } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { colon } from "../../texts/colon.ts";
import { HoldLane, LaneDeeds } from "./lane-deeds.tsx";
import "./texts.ts";

const STATES = ["blocked", "passed", "held"] as const;
type State = (typeof STATES)[number];
const PAGE_ROWS = "50";
const REFRESH_MS = 5_000;

export function Lanes({ destination }: { readonly destination: string | undefined }) {
  const { t } = useTranslation("destinations");
  const [state, setState] = useState<State>("blocked");
  const [after, setAfter] = useState<string>();
  const deeds = useDeeds(["/lanes", "/destinations", "/failure-groups"]);
  const query = {
    state,
    limit: PAGE_ROWS,
    ...(destination === undefined ? {} : { destination }),
    ...(after === undefined ? {} : { after }),
  };
  const lanes = useQuery({
    queryKey: ["/lanes", query],
    queryFn: () => get<PageOf<LaneRow>>("/lanes", query),
    refetchInterval: REFRESH_MS,
    placeholderData: (before) => before,
  });
  return (
    <>
      <Alert type="info" showIcon title={t("lanes.told")} style={{ marginBottom: 12 }} />
      <Flex gap="small" justify="space-between" wrap style={{ marginBottom: 12 }}>
        <Segmented<State>
          aria-label={t("lanes.state")}
          value={state}
          onChange={(next) => {
            setState(next);
            setAfter(undefined);
          }}
          options={STATES.map((one) => ({ value: one, label: t(`lanes.${one}`) }))}
        />
        {destination !== undefined && <HoldLane destination={destination} deeds={deeds} />}
      </Flex>
      <DeedResult deeds={deeds} />
      <Problem error={lanes.error} />
      <Table<LaneRow>
        rowKey={({ destination: to, lane }) => `${to} ${lane}`}
        size="small"
        pagination={false}
        loading={lanes.isPending}
        dataSource={lanes.data?.items ?? []}
        locale={{ emptyText: t(`lanes.empty.${state}`) }}
        tableLayout="fixed"
        columns={[
          ...columnsOf(t, destination === undefined),
          { title: t("col.do"), width: 250, render: (_, row) => <LaneDeeds row={row} state={state} deeds={deeds} /> },
        ]}
      />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {after !== undefined && <Button onClick={() => setAfter(undefined)}>{t("first")}</Button>}
        {lanes.data?.after !== undefined && <Button onClick={() => setAfter(lanes.data?.after)}>{t("more")}</Button>}
      </Flex>
    </>
  );
}

const columnsOf = (t: TFunction<"destinations">, named: boolean) => [
  ...(named
    ? [
        {
          title: t("col.name"),
          width: 110,
          render: (_: unknown, { destination }: LaneRow) => <Link to={`/destinations/${destination}?tab=lanes`}>{destination}</Link>,
        },
      ]
    : []),
  { title: t("lane.lane"), render: (_: unknown, { lane }: LaneRow) => <Typography.Text code>{lane}</Typography.Text> },
  {
    title: t("lane.head"),
    width: 190,
    render: (_: unknown, { head, headState, kind }: LaneRow) =>
      head === undefined ? (
        "—"
      ) : (
        <>
          <Link to={`/write-backs/${head}`}>{kind ?? head}</Link>{" "}
          {headState !== undefined && <StateTag kind="write-back" state={headState} />}
        </>
      ),
  },
  { title: t("lane.amount"), width: 110, align: "right" as const, render: (_: unknown, { amount }: LaneRow) => <Fen value={amount} /> },
  {
    title: t("lane.behind"),
    width: 120,
    align: "right" as const,
    render: (_: unknown, { behind, amountBehind }: LaneRow) => (
      <>
        {t("lane.behind.words", { n: behind })}
        {behind > 0 && (
          <div>
            <Fen value={amountBehind} />
          </div>
        )}
      </>
    ),
  },
  { title: t("lane.age"), width: 90, render: (_: unknown, { ageSeconds }: LaneRow) => <Age ms={ageSeconds * 1_000} /> },
  {
    title: t("lane.why"),
    width: 170,
    render: (_: unknown, { code, heldBy, reason }: LaneRow) => (
      <>
        {code !== undefined && <Typography.Text code>{code}</Typography.Text>}
        {heldBy !== undefined && (
          <Typography.Text type="secondary">
            {heldBy}
            {colon()}
            {reason}
          </Typography.Text>
        )}
      </>
    ),
  },
];
