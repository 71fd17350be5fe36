/** The image that every checkpoint of Drydock's has. */

export const MAIN = 'drydock.img';
/** Version of the images that Drydock adds to CRIU's. */
export const VERSION = 1;
