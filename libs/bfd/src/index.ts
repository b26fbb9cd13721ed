export {
  decodeControlPacket,
  diagnostic,
  encodeControlPacket,
  type BfdStateName,
  type ControlPacket,
  type DecodedPacket,
  type PacketProblem,
} from './packet.ts';
export {
  detectionTimeUs,
  initialBfdSession,
  jitteredUs,
  stepBfd,
  transmitIntervalUs,
  type BfdAction,
  type BfdCause,
  type BfdConfig,
  type BfdEvent,
  type BfdSession,
  type BfdStep,
} from './session.ts';
