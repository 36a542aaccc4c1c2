/** States by colour, sign and word: never by colour alone. */
import {
  CheckCircleOutlined,
  ClockCircleOutlined,
  CloseCircleOutlined,
  ExclamationCircleOutlined,
  MinusCircleOutlined,
  PauseCircleOutlined,
  SyncOutlined,
  UserOutlined,
} from "@ant-design/icons";
import { Tag } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export type StateKind = "message" | "write-back" | "event-delivery" | "breaker" | "alarm" | "replay";
type Tone = "good" | "wait" | "busy" | "warn" | "bad" | "off" | "person";

const LOOK: Readonly<Record<Tone, { readonly color: string; readonly icon: ReactNode }>> = {
  good: { color: "success", icon: <CheckCircleOutlined aria-hidden /> },
  wait: { color: "default", icon: <ClockCircleOutlined aria-hidden /> },
  busy: { color: "processing", icon: <SyncOutlined aria-hidden /> },
  warn: { color: "warning", icon: <ExclamationCircleOutlined aria-hidden /> },
  bad: { color: "error", icon: <CloseCircleOutlined aria-hidden /> },
  off: { color: "default", icon: <MinusCircleOutlined aria-hidden /> },
  person: { color: "default", icon: <UserOutlined aria-hidden /> },
};
const PAUSED: Readonly<Record<string, ReactNode>> = {
  "breaker.paused": <PauseCircleOutlined aria-hidden />,
  "replay.paused": <PauseCircleOutlined aria-hidden />,
};

const TONES: Readonly<Record<string, Tone>> = {
  "message.awaiting-part": "wait",
  "message.received": "busy",
  "message.settled": "good",
  "message.duplicate": "off",
  "message.parked": "bad",
  "message.resolved": "person",
  "write-back.held": "wait",
  "write-back.queued": "wait",
  "write-back.waiting": "warn",
  "write-back.sending": "busy",
  "write-back.deferred": "busy",
  "write-back.parked": "bad",
  "write-back.acknowledged": "good",
  "write-back.resolved": "person",
  "event-delivery.received": "wait",
  "event-delivery.settled": "good",
  "event-delivery.parked": "bad",
  "breaker.closed": "good",
  "breaker.running": "good",
  "breaker.open": "bad",
  "breaker.half-open": "warn",
  "breaker.paused": "warn",
  "alarm.page": "bad",
  "alarm.warn": "warn",
  "alarm.open": "bad",
  "alarm.ended": "good",
  "replay.selecting": "busy",
  "replay.previewed": "wait",
  "replay.awaiting-approval": "warn",
  "replay.marking": "busy",
  "replay.canary": "busy",
  "replay.stopped": "bad",
  "replay.running": "busy",
  "replay.paused": "warn",
  "replay.done": "good",
  "replay.planned": "wait",
  "replay.skipped": "off",
  "replay.refused": "warn",
  "replay.marked": "busy",
  "replay.replayed": "busy",
  "replay.failed": "bad",
  "replay.cancelled": "off",
};

export interface StateTagProps {
  readonly kind: StateKind;
  readonly state: string;
}

/** A state that is not known here is shown as it is, without colour: nothing is hidden. */
export function StateTag({ kind, state }: StateTagProps) {
  const { t } = useTranslation("parts");
  const key = `${kind}.${state}`;
  const look = LOOK[TONES[key] ?? "off"];
  return (
    <Tag color={look.color} icon={PAUSED[key] ?? look.icon} data-state={state}>
      {t(key, { defaultValue: state })}
    </Tag>
  );
}
