export { bgpBackendOf, bgpBackends, type BgpBackend } from './bgp-backend.ts';
export { BirdError, birdCommand, type BirdCommandOptions, type BirdErrorCode } from './control.ts';
export { parseReply, type ReplyLine } from './reply.ts';
export { birdNames, birdSocket, type BirdName } from './sockets.ts';
export { parseBirdStatus, type BirdStatus } from './status.ts';
export { parseBirdPeers, parseBirdSessions, type BirdPeer, type BirdPeerType, type BirdSession } from './peers.ts';
export { parseBirdRoutes, type BirdRoute } from './routes.ts';
