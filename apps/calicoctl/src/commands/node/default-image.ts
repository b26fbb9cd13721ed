/** The image that `calicoctl node run` starts: this project's, as `deploy/` builds it; calico/node does as well. */
export const DEFAULT_IMAGE = 'calico-node:latest';
