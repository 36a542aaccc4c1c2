/**
 * Where each transport is examined for what: a test by its title, or why there is nothing to examine. A new folder under platform/transports/ is red until it says so here,
 * and a title that is no longer there is red, too.
 */
export const ASPECTS = ["hostile", "limits", "charsets", "cancellation", "stop"] as const;
export type Aspect = (typeof ASPECTS)[number];
export type Proof = { readonly file: string; readonly title: string } | { readonly because: string };

const at = (file: string, title: string): Proof => ({ file, title });
const GATEWAY = "platform/transports/http/gateway.test.ts";
const COURIER = "platform/transports/http/courier.test.ts";
const RABBIT = "test/contracts/rabbit/door.test.ts";
const MLLP = "test/contracts/mllp/bad-input.test.ts";
const DICOM = "platform/transports/dicom";
const DLL = "test/contracts/dll/bridge.test.ts";
const FILES = "platform/transports/files/poller.test.ts";
const SOAP = "platform/transports/soap/soap.test.ts";
const VIEWS = "test/contracts/views/views.test.ts";
const ALARMS = "test/contracts/operations/alarms.test.ts";

export const PROOFS: Readonly<Record<string, Readonly<Record<Aspect, Proof>>>> = {
  amqp: {
    hostile: at(RABBIT, "what nobody can work on is journaled as parked"),
    limits: at(RABBIT, "larger than anything we store"),
    charsets: at("platform/transports/amqp/inbound.test.ts", "routing key, properties and headers"),
    cancellation: at(RABBIT, "the journal is gone: consuming stops"),
    stop: at(RABBIT, "drain: no new messages are taken"),
  },
  dicom: {
    hostile: at(`${DICOM}/hostile.test.ts`, "cut, changed and made up"),
    limits: at(`${DICOM}/hostile.test.ts`, "hung up: "),
    charsets: at(`${DICOM}/hostile.test.ts`, "GBK's second byte may be a backslash"),
    cancellation: at(`${DICOM}/door.test.ts`, "a full journal is busy"),
    stop: at(`${DICOM}/door.test.ts`, "paused: no association"),
  },
  dll: {
    hostile: at(DLL, "unclear, for ever; its process is ended"),
    limits: at(DLL, "one call at a time, in order; a full queue"),
    charsets: at(DLL, "answers bytes of no charset"),
    cancellation: at(DLL, "what ran while the bridge was killed is unclear"),
    stop: at(DLL, "a record is never begun by accident"),
  },
  files: {
    hostile: at(FILES, "names that are no UTF-8, links, folders"),
    limits: at(FILES, "too large, a bomb, two files in a zip"),
    charsets: at(FILES, "names that are no UTF-8"),
    cancellation: at(FILES, "what an attempt that broke off left behind is put anew"),
    stop: at(FILES, "paused it takes nothing more"),
  },
  http: {
    hostile: at(COURIER, "no-reply, one request only"),
    limits: at(GATEWAY, "on the wire: half a message is never journaled"),
    charsets: at(GATEWAY, "any content type is taken, none too"),
    cancellation: at(COURIER, "aborted before is unsent, aborted after the bytes left is no-reply"),
    stop: at(COURIER, "a closed courier sends nothing"),
  },
  mail: {
    hostile: at(ALARMS, "an SMTP server that is away keeps nothing back from the webhook"),
    limits: { because: "it sends our own alarms, one after another, each within its time-out; nobody sends to it" },
    charsets: { because: "what it sends is UTF-8 of our own" },
    cancellation: { because: "an alarm that was not delivered is told again by the alarm book, not by the sink" },
    stop: { because: "it holds no connection between two mails" },
  },
  mllp: {
    hostile: at(MLLP, "NAK, closed, logged; a neighbour is not disturbed"),
    limits: at(MLLP, "idle connections are closed, and connections beyond the limit dropped"),
    charsets: at("test/contracts/mllp/modes.test.ts", "the answer is in the sender's charset"),
    cancellation: at("platform/transports/mllp/courier.test.ts", "aborted while the receiver thinks: unclear"),
    stop: at(MLLP, "stop while a message is under way"),
  },
  soap: {
    hostile: at(SOAP, "what an envelope says beyond what is taken is refused"),
    limits: at(SOAP, "busy, stopping, too fast"),
    charsets: at(SOAP, "a GBK envelope"),
    cancellation: { because: "it is a route of the gateway, which gives up and times out for it" },
    stop: at(SOAP, "busy, stopping, too fast"),
  },
  views: {
    hostile: at(VIEWS, "limits: a row too large and a row without a key"),
    limits: at(VIEWS, "limits: a row too large and a row without a key"),
    charsets: at(VIEWS, "Chinese is whole"),
    cancellation: at(VIEWS, "the session cannot write, and a server that is away"),
    stop: at(VIEWS, "one worker looks, the other does when the first lets go"),
  },
  webhook: {
    hostile: at(ALARMS, "what the webhook and the e-mail carry"),
    limits: { because: "it sends our own alarms, one after another, each within its time-out; nobody sends to it" },
    charsets: { because: "what it sends is UTF-8 of our own" },
    cancellation: { because: "an alarm that was not delivered is told again by the alarm book, not by the sink" },
    stop: { because: "it holds no connection between two alarms" },
  },
};
