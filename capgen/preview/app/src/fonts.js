// The font that Grafana is set in, inside the bundle.
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import '@fontsource/inter/latin-ext-400.css';

export const getFontStyles = () => [];
