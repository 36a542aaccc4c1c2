/** What hops carried, fetched when it is looked at. */
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import type { Payload, Trace } from "../../../../domain/operations/views-inspect.ts";
import type { Bytes, MessageDetail, WriteBackDetail } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";

/** A message as it is shown: masked, or whole for a reason that is on record. */
export interface Shown {
  readonly detail: MessageDetail;
  readonly reason?: string;
}

export interface PayloadText {
  readonly text?: string;
  readonly cut: boolean;
  readonly loading: boolean;
  readonly error: unknown;
}

export const keyOf = (one: Payload): string => [one.of, one.eventId ?? "", one.writeBackId ?? "", one.attempt ?? ""].join(" ");

export function labelOf(t: TFunction, detail: MessageDetail, one: Payload): string {
  const writeBack = detail.writeBacks.find((row) => row.writeBack.id === one.writeBackId)?.writeBack;
  const event = detail.events.find((row) => row.id === one.eventId);
  const what = writeBack === undefined ? (event?.type ?? "") : `${writeBack.destination} ${writeBack.kind}`;
  return t(`payload.${one.of}`, { what, n: one.attempt ?? "" }).trim();
}

/** Every payload of a trace once, in the order of its hops. */
export function payloadsOf(trace: Trace): readonly Payload[] {
  return [...new Map(trace.hops.flatMap((hop) => hop.payloads.map((one) => [keyOf(one), one] as const))).values()];
}

const bytesText = (bytes: Bytes | undefined): Pick<PayloadText, "text" | "cut"> =>
  bytes?.text === undefined ? { cut: false } : { text: bytes.text, cut: bytes.cut };

function atHand(detail: MessageDetail, one: Payload): Pick<PayloadText, "text" | "cut"> {
  switch (one.of) {
    case "raw":
      return bytesText(detail.raw);
    case "reply":
      return bytesText(detail.reply);
    case "event": {
      const found = detail.events.find((row) => row.id === one.eventId);
      return found === undefined ? { cut: false } : { text: JSON.stringify(found.event, undefined, 2), cut: false };
    }
    case "attempt-reply": {
      const attempts = detail.writeBacks.find((row) => row.writeBack.id === one.writeBackId)?.attempts;
      return bytesText(attempts?.find(({ n }) => n === one.attempt)?.reply);
    }
    case "body":
      return { cut: false };
  }
}

/** The text of a payload. Only a write-back's request is not in the message's detail: it is asked for by itself. */
export function usePayload({ detail, reason }: Shown, one: Payload | undefined): PayloadText {
  const id = one?.of === "body" ? one.writeBackId : undefined;
  const unmask = reason === undefined ? {} : { unmask: "true", reason };
  const body = useQuery({
    queryKey: [`/write-backs/${id}`, unmask],
    queryFn: () => get<WriteBackDetail>(`/write-backs/${id}`, unmask),
    enabled: id !== undefined,
    // A look in the clear is on record each time: not asked again by itself.
    ...(reason === undefined ? {} : { staleTime: Number.POSITIVE_INFINITY, gcTime: 0 }),
  });
  if (one === undefined) return { cut: false, loading: false, error: undefined };
  if (id === undefined) return { ...atHand(detail, one), loading: false, error: undefined };
  return { ...bytesText(body.data?.body), loading: body.isPending, error: body.error };
}
