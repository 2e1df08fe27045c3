/** The server gives uPlot's own module this name. */
export { default } from 'uplot';
