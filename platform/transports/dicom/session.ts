/** One association with a modality: who it is, what it may do, and its requests one after another. dcmjs-dimse speaks the protocol; what is answered is decided here. */
import type { Socket } from "node:net";
import dimse from "dcmjs-dimse";
import type { Command } from "./document.ts";
import { type Answer, answer, busy, STATUS } from "./answers.ts";
import type { Channel, Received } from "./channel.ts";
import { LIMITS } from "./limits.ts";

const { Scp, constants, responses } = dimse;
const { PresentationContextResult, RejectReason, RejectResult, RejectSource, SopClass, TransferSyntax } = constants;
dimse.Implementation.setMaxPduLength(LIMITS.pduBytes);
dimse.log.setLevel("silent"); // it would print what modalities send, patients' names included

type Association = InstanceType<typeof dimse.association.Association>;
type Request = InstanceType<(typeof dimse.requests)["NSetRequest"]>;
type Response = InstanceType<(typeof dimse.responses)["NSetResponse"]>;

const MPPS = SopClass.ModalityPerformedProcedureStep;
const STORAGE = "1.2.840.10008.5.1.4.1.1.";
const UID = /^(?=.{1,64}$)(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+$/;
const { ImplicitVRLittleEndian, ExplicitVRLittleEndian } = TransferSyntax;
/** Compressed instances too: what stands before their pixels is explicit VR, little endian. Deflated and big-endian ones are not taken. */
const COMPRESSED = /^1\.2\.840\.10008\.1\.2\.(?:4\.[0-9]{1,3}|5)$/;
const COMMANDS = { store: "C-STORE", create: "N-CREATE", set: "N-SET" } as const satisfies Record<string, Command>;

/** A request that is to be answered. */
export interface Asked {
  readonly command: Command;
  readonly sopClass: string;
  readonly sopInstance: string;
  readonly callingAe: string;
  readonly transferSyntax: string;
  readonly dataset: Received;
}

export interface SessionDeps {
  readonly channel: Channel;
  readonly calledAe: string;
  readonly callingAe: readonly string[];
  readonly paused: () => boolean;
  /** Never rejects. */
  readonly handle: (asked: Asked) => Promise<Answer>;
  readonly log: (why: string) => void;
}

/** Lets the modality speak over the channel. */
export function openSession(deps: SessionDeps): void {
  const { channel } = deps;
  let association: Association | undefined;

  const abort = (why: string): void => {
    deps.log(why);
    channel.destroy();
  };
  const reject = (session: InstanceType<typeof Scp>, reason: number, why: string, transient = false): void => {
    deps.log(why);
    session.sendAssociationReject(
      transient ? RejectResult.Transient : RejectResult.Permanent,
      transient ? RejectSource.ServiceProviderPresentation : RejectSource.ServiceUser,
      reason,
    );
    channel.end();
  };
  const settle = (given: Association): void => {
    for (const { context } of given.getPresentationContexts()) {
      const abstract = context.getAbstractSyntaxUid();
      const offered = context.getTransferSyntaxUids();
      const chosen =
        [ExplicitVRLittleEndian, ImplicitVRLittleEndian].find((one) => offered.includes(one)) ??
        (abstract.startsWith(STORAGE) ? offered.find((one) => COMPRESSED.test(one)) : undefined);
      if (abstract !== SopClass.Verification && abstract !== MPPS && !abstract.startsWith(STORAGE))
        context.setResult(PresentationContextResult.RejectAbstractSyntaxNotSupported);
      else if (chosen === undefined) context.setResult(PresentationContextResult.RejectTransferSyntaxesNotSupported);
      else context.setResult(PresentationContextResult.Accept, chosen);
    }
  };

  /** The request with its data set, or what is wrong with it. */
  const asked = (command: Command, request: Request, dataset: Received | undefined): Asked | Answer => {
    const normal = command === "N-SET";
    const sopClass = (normal ? request.getRequestedSopClassUid() : request.getAffectedSopClassUid()) ?? "";
    const sopInstance = (normal ? request.getRequestedSopInstanceUid() : request.getAffectedSopInstanceUid()) ?? "";
    const context = dataset && association?.getPresentationContext(dataset.context);
    const transferSyntax = context?.getAcceptedTransferSyntaxUid();
    if (!dataset || !context || transferSyntax === undefined) return answer(STATUS.missingAttribute, "no data set");
    if (!UID.test(sopInstance)) return answer(STATUS.invalidValue, "no SOP instance UID");
    const expected = command === "C-STORE" ? sopClass.startsWith(STORAGE) : sopClass === MPPS;
    if (!expected || context.getAbstractSyntaxUid() !== sopClass) return answer(STATUS.classMismatch, "not the SOP class of its context");
    return { command, sopClass, sopInstance, callingAe: association?.getCallingAeTitle() ?? "", transferSyntax, dataset };
  };

  const work = async (command: Command, request: Request, reply: (answer: Answer) => void): Promise<void> => {
    const found = asked(command, request, channel.taken());
    const told = "status" in found ? found : deps.paused() ? busy(command) : await deps.handle(found);
    reply(told);
    channel.next();
  };
  const respond = (response: Response, { status, comment }: Answer, callback: (response: never) => void): void => {
    response.setStatus(status);
    if (comment !== "") response.setErrorComment(comment);
    callback(response as never);
  };

  class Session extends Scp {
    override associationRequested(given: Association): void {
      association = given;
      const [called, calling] = [given.getCalledAeTitle(), given.getCallingAeTitle()];
      if (deps.paused()) reject(this, RejectReason.LocalLimitExceeded, "paused", true);
      else if (called !== deps.calledAe) reject(this, RejectReason.CalledAeNotRecognized, `called AE ${called}`);
      else if (!deps.callingAe.includes(calling)) reject(this, RejectReason.CallingAeNotRecognized, `calling AE ${calling}`);
      else {
        settle(given);
        this.sendAssociationAccept();
      }
    }
    override associationReleaseRequested(): void {
      this.sendAssociationReleaseResponse();
      channel.end();
    }
    override cEchoRequest(request: InstanceType<(typeof dimse.requests)["CEchoRequest"]>, callback: (response: never) => void): void {
      if (channel.taken() !== undefined) {
        abort("an echo with a data set");
        return;
      }
      const response = responses.CEchoResponse.fromRequest(request);
      response.setStatus(STATUS.success);
      callback(response as never);
      channel.next();
    }
    override cStoreRequest(request: InstanceType<(typeof dimse.requests)["CStoreRequest"]>, callback: (response: never) => void): void {
      const response = responses.CStoreResponse.fromRequest(request);
      void work(COMMANDS.store, request, (told) => respond(response, told, callback));
    }
    override nCreateRequest(request: InstanceType<(typeof dimse.requests)["NCreateRequest"]>, callback: (response: never) => void): void {
      const response = responses.NCreateResponse.fromRequest(request);
      void work(COMMANDS.create, request, (told) => respond(response, told, callback));
    }
    override nSetRequest(request: Request, callback: (response: never) => void): void {
      const response = responses.NSetResponse.fromRequest(request);
      void work(COMMANDS.set, request, (told) => respond(response, told, callback));
    }
    override cFindRequest(): void {
      abort("a C-FIND, which is not offered");
    }
    override cMoveRequest(): void {
      abort("a C-MOVE, which is not offered");
    }
    override cGetRequest(): void {
      abort("a C-GET, which is not offered");
    }
    override cCancelRequest(): void {
      abort("a C-CANCEL, with nothing to cancel");
    }
    override nActionRequest(): void {
      abort("an N-ACTION, which is not offered");
    }
    override nDeleteRequest(): void {
      abort("an N-DELETE, which is not offered");
    }
    override nEventReportRequest(): void {
      abort("an N-EVENT-REPORT, which is not offered");
    }
    override nGetRequest(): void {
      abort("an N-GET, which is not offered");
    }
    override abort(): void {
      channel.destroy();
    }
  }
  const session = new Session(channel as unknown as Socket, {});
  session.on("networkError", (error: Error) => abort(error.message));
}
