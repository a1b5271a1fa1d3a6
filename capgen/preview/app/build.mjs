// Bundles the app: node build.mjs OUT. Runs in the folder that npm has installed into.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// Grafana's global styles name font files on its server; here Inter comes with the bundle.
const ownFonts = {
  name: 'own-fonts',
  setup: ({ onResolve }) => onResolve({ filter: /^\.\/fonts\.mjs$/ }, () => ({ path: here('src/fonts.js') })),
};

await build({
  entryPoints: { preview: here('src/main.jsx') },
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'automatic',
  charset: 'ascii',
  legalComments: 'inline',
  logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'text', '.ttf': 'empty', '.woff': 'empty', '.woff2': 'dataurl' },
  plugins: [ownFonts],
  alias: {
    // The code editor is never shown, and would be half of the bundle.
    'monaco-editor': here('src/nothing.js'),
    // Grafana fetches icons from its server; a page that works offline has them in it.
    'react-inlinesvg': here('src/icon.jsx'),
    icons: here('node_modules/@grafana/ui/dist/public/img/icons'),
  },
});
