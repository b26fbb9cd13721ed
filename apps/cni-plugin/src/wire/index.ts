/**
 * Wiring a workload's interface, free of CNI: the Docker plug-in and `calicoctl workload` need the same. It
 * becomes a library when the first of them does.
 */
export { attachInterface, ipv4Gateway, ipv6Gateway, type Attached, type AttachSpec } from './attach.ts';
export { detachInterface, type DetachSpec } from './detach.ts';
export { hasHostInterface, inspectInterface, type Inspection } from './inspect.ts';
export { WireError, type WireErrorCode } from './wire-error.ts';
