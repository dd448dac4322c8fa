"""The part `scroll`: a long page of thumbnails, scrolled through in Chromium and in WebKitGTK."""
