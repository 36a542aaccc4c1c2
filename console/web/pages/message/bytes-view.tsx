/** The bytes as they came, hexadecimal beside decoded text, row by row; a place that is chosen in one is marked in the other. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex, Segmented, Skeleton, Space, theme, Typography } from "antd";
import { type KeyboardEvent, memo, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RawView } from "../../../../domain/operations/views-inspect.ts";
import { get } from "../../api/client.ts";
import { Problem } from "../../parts/problem.tsx";
import { type HexRow, type Letter, letterAt, lettersOf, ROW, rowsOf, shownLetter } from "./bytes-places.ts";
import "./texts.ts";

const PIECE = 2_048;

export interface BytesViewProps {
  readonly id: string;
  /** The message has a reply's bytes, too. */
  readonly hasReply: boolean;
  /** Why it is shown whole; undefined: masked. */
  readonly reason: string | undefined;
}

export function BytesView({ id, hasReply, reason }: BytesViewProps) {
  const { t } = useTranslation("message");
  const [part, setPart] = useState<"request" | "reply">("request");
  const [from, setFrom] = useState(0);
  const query = { part, from: String(from), length: String(PIECE), ...(reason === undefined ? {} : { unmask: "true", reason }) };
  const piece = useQuery({
    queryKey: [`/messages/${id}/raw`, query],
    queryFn: () => get<RawView>(`/messages/${id}/raw`, query),
    // The bytes never change; a look in the clear is on record each time and not kept.
    staleTime: Number.POSITIVE_INFINITY,
    ...(reason === undefined ? {} : { gcTime: 0 }),
  });
  const view = piece.data;
  return (
    <Flex vertical gap="small">
      <Flex wrap gap="small" align="center" justify="space-between">
        <Space wrap>
          {hasReply && (
            <Segmented
              aria-label={t("bytes.part")}
              value={part}
              onChange={(value) => {
                setPart(value);
                setFrom(0);
              }}
              options={[
                { value: "request" as const, label: t("bytes.request") },
                { value: "reply" as const, label: t("bytes.reply") },
              ]}
            />
          )}
          {view !== undefined && (
            <Typography.Text type="secondary">
              {t("bytes.range", { from: view.from, to: view.from + view.length, all: view.bytes })}
            </Typography.Text>
          )}
        </Space>
        {view !== undefined && view.bytes > PIECE && (
          <Space>
            <Button disabled={from === 0} onClick={() => setFrom(Math.max(0, view.from - PIECE))}>
              {t("bytes.before")}
            </Button>
            <Button disabled={view.from + view.length >= view.bytes} onClick={() => setFrom(view.from + view.length)}>
              {t("bytes.next")}
            </Button>
          </Space>
        )}
      </Flex>
      {piece.error !== null && <Problem error={piece.error} />}
      {piece.isPending && <Skeleton active />}
      {view !== undefined && <Piece key={`${part} ${view.from} ${view.masked}`} view={view} />}
    </Flex>
  );
}

function Piece({ view }: { readonly view: RawView }) {
  const { t } = useTranslation("message");
  const { token } = theme.useToken();
  const letters = useMemo(() => lettersOf(view), [view]);
  const rows = useMemo(() => rowsOf(view.hex ?? "", letters), [view, letters]);
  const [marked, setMarked] = useState(-1);
  if (view.hex === undefined) return <Alert type="info" showIcon title={t("bytes.no.charset")} />;
  const chosen = letters[marked];
  const step = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: ROW, ArrowUp: -ROW }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const down = Math.abs(by) === ROW && chosen !== undefined ? letterAt(letters, Math.max(0, chosen.at + by)) : marked + by;
    if (down >= 0 && down < letters.length) setMarked(down);
  };
  const hex = chosen === undefined ? "" : (view.hex.slice(chosen.at * 2, (chosen.at + chosen.width) * 2).match(/../g) ?? []).join(" ");
  return (
    <>
      <Typography.Text type="secondary" role="status">
        {chosen === undefined
          ? t("bytes.help")
          : t("bytes.marked", { letter: shownLetter(chosen.letter), at: view.from + chosen.at, width: chosen.width, hex })}
      </Typography.Text>
      <section
        aria-label={t("tab.bytes")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys go from character to character
        tabIndex={0}
        onKeyDown={step}
        style={{
          overflow: "auto",
          maxHeight: 560,
          border: `1px solid ${token.colorBorder}`,
          borderRadius: token.borderRadius,
          fontFamily: token.fontFamilyCode,
          fontSize: 12,
        }}
      >
        <table style={{ borderCollapse: "collapse", color: token.colorText }}>
          <thead>
            <tr style={{ position: "sticky", top: 0, background: token.colorBgElevated, textAlign: "left" }}>
              <th scope="col" style={{ padding: "4px 8px" }}>
                #
              </th>
              <th scope="col">{t("bytes.hex")}</th>
              <th scope="col">{t("bytes.text", { charset: view.charset ?? "—" })}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row
                key={row.offset}
                row={row}
                base={view.from}
                letters={letters}
                from={chosen !== undefined && chosen.at < row.offset + ROW && chosen.at + chosen.width > row.offset ? chosen.at : -1}
                to={chosen === undefined ? -1 : chosen.at + chosen.width}
                mark={setMarked}
                color={token.colorPrimary}
                back={token.controlItemBgActive}
                quiet={token.colorTextSecondary}
              />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

interface RowProps {
  readonly row: HexRow;
  readonly base: number;
  readonly letters: readonly Letter[];
  /** The marked character's bytes, where they touch this row; -1: they do not. */
  readonly from: number;
  readonly to: number;
  readonly mark: (letter: number) => void;
  readonly color: string;
  readonly back: string;
  readonly quiet: string;
}

/** Cells are spans that are clicked; by keyboard the whole piece is gone through with arrows. */
const Row = memo(
  function Row({ row, base, letters, from, to, mark, color, back, quiet }: RowProps) {
    const look = (yes: boolean) => (yes ? { background: back, outline: `1px solid ${color}` } : {});
    const cell = { cursor: "pointer", padding: "0 2px", whiteSpace: "pre" as const };
    const clicked = (event: { target: EventTarget }): void => {
      const place = (event.target as HTMLElement).dataset;
      if (place.letter !== undefined) mark(Number(place.letter));
      else if (place.byte !== undefined) mark(letterAt(letters, Number(place.byte)));
    };
    return (
      <tr onClick={clicked}>
        <td style={{ color: quiet, padding: "0 8px", userSelect: "none" }}>{(base + row.offset).toString(16).padStart(6, "0")}</td>
        <td style={{ whiteSpace: "nowrap", paddingRight: 16 }}>
          {row.bytes.map((byte, index) => {
            const at = row.offset + index;
            return (
              <span key={at} data-byte={at} style={{ ...cell, ...look(from >= 0 && at >= from && at < to) }}>
                {byte}
              </span>
            );
          })}
        </td>
        <td style={{ whiteSpace: "nowrap" }}>
          {letters.slice(row.from, row.to).map((one, index) => (
            <span key={one.at} data-letter={row.from + index} style={{ ...cell, padding: 0, ...look(from === one.at) }}>
              {shownLetter(one.letter)}
            </span>
          ))}
        </td>
      </tr>
    );
  },
  (one, other) => one.row === other.row && one.from === other.from && (other.from < 0 || one.to === other.to) && one.back === other.back,
);
