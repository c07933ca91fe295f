"""The packages that Pyodide has builds of, for each Python that Python Workers can have.

Written by scripts/list-pyodide-packages; do not edit.
"""

from __future__ import annotations

LISTED_ON = "2026-11-29"
"""When the lists were read; Pyodide may have more packages since."""

_PYTHON_3_12 = """
    Bio BioSQL CoolProp Crypto IPython PIL RobotRaconteur _argon2_cffi_bindings _distutils_hack
    _pyrsistent_version _pytest _yaml _zengl affine aiohttp aiosignal altair annotated_types anyio apsw argon2
    arro3 asciitree astropy astropy_iers_data asttokens async_timeout atomicwrites attr attrs autograd
    awkward_cpp b2d bcrypt bigtests bitarray bitstring bleach bokeh boost_histogram brotli bs4 buffer_test
    cachetools cartopy casadi cbor_diag certifi cffi cffi_example cftime charset_normalizer clarabel click
    cligj clingo cloudpickle cmyt colorspacious contourpy coverage cpp-exceptions-test2 cramjam crc32c
    cryptography css_inline cssselect cv2 cvxpy cycler cysignals cytoolz dateutil decorator demes deprecation
    distlib distro docutils duckdb erfa ewah_bool_utils exceptiongroup executing fastparquet fiona flint
    fontTools fpcast_test freesasa frozenlist fsspec future galpy gensim geopandas gmpy2 google gsw h11 h3
    h5py html5lib httpcore httpx idna igraph imageio iminuit iniconfig isympy jedi jinja2 jiter joblib
    jsonschema jsonschema_specifications kiwisolver lakers lazy_loader lazy_object_proxy libcst lightgbm
    logbook lxml magic markupsafe matplotlib matplotlib-inline matplotlib_pyodide memory_allocator micropip
    mmh3 mne more_itertools mpl_toolkits mpmath msgpack msgspec msprime multidict munch mypy mypyc nacl
    narwhals netCDF4 networkx newick nh3 nlopt nltk numcodecs numpy openai optlang orjson osqp packaging
    pandas parso patsy pcodec peewee pi_heif pillow_heif pkg_resources pkgconfig pluggy polars ppl
    primecountpy prompt_toolkit pure_eval py pyarrow pyclipper pycparser pydantic pydantic_core pygame
    pygments pyheif pyiceberg pyinstrument pylab pyodide_http pyparsing pyproj pyrsistent pysam pysat pytest
    pytest_asyncio pytest_benchmark pytest_httpx python_solvespace pytz pywt pyxel pyxirr rasterio rateslib
    rebound reboundx referencing regex requests retrying rich river rpds ruamel rust-abi-test rust-panic-test
    scipy screed setuptools shapefile shapely sharedlib_test simplejson sisl sisl_toolbox six skimage sklearn
    smart_open sniffio sortedcontainers soupsieve sourmash soxr sparseqr sqlalchemy stack_data statsmodels
    strictyaml svgwrite swiglpk sympy tblib termcolor texttable threadpoolctl tiktoken tiktoken_ext tlz tomli
    tomli_w toolz tqdm traitlets traits tree_sitter tree_sitter_go tree_sitter_java tree_sitter_python tskit
    typing_extensions tzdata uncertainties unix_timezones unyt urllib3 vega_datasets wcwidth webencodings
    wordcloud wrapt xarray xgboost xlrd xxhash xyzservices yaml yarl yt zarr zengl zfpy zstandard
"""
"""Pyodide 0.27.7."""

_PYTHON_3_13 = """
    Bio BioSQL CoolProp Crypto IPython InSpice PIL RobotRaconteur _argon2_cffi_bindings _distutils_hack
    _pyrsistent_version _pytest _yaml _zengl affine aiohappyeyeballs aiohttp aiosignal altair annotated_types
    anyio apsw argon2 asciitree astropy astropy_iers_data asttokens async_timeout atomicwrites attr attrs
    audioop autograd awkward_cpp b2d bcrypt bigtests bitarray bitstring bleach blosc2 bokeh boost_histogram
    brotli bs4 cachetools casadi cbor_diag certifi cffi cffi_example cftime charset_normalizer clarabel click
    cligj clingo cloudpickle cmyt cobs colorspacious contourpy coverage cramjam crc32c cryptography css_inline
    cssselect cv2 cvxpy cycler cysignals cytoolz dateutil decorator demes deprecation diskcache distlib distro
    docutils donfig erfa ewah_bool_utils exceptiongroup executing fastparquet fiona fitz flint fontTools
    freesasa frozenlist fsspec future galpy gmpy2 google gsw h11 h3 h5py html5lib httpcore httpx idna igraph
    imageio imgui_bundle iminuit iniconfig isympy jedi jinja2 jiter joblib jsonschema
    jsonschema_specifications kiwisolver lakers lazy_loader lazy_object_proxy libcst lightgbm logbook lxml lz4
    magic markupsafe matplotlib matplotlib-inline memory_allocator micropip mmh3 more_itertools mpl_toolkits
    mpmath msgpack msgspec msprime multidict munch mypy mypyc nacl narwhals ndindex netCDF4 networkx newick
    nh3 nlopt nltk numcodecs numpy openai optlang orjson packaging pandas parso patsy pcodec peewee pi_heif
    pillow_heif pkg_resources pkgconfig platformdirs pluggy ply ppl primecountpy prompt_toolkit propcache
    pure_eval py pyclipper pycparser pydantic pydantic_core pygments pyheif pyiceberg pyinstrument pylab
    pymupdf pyodide_http pyparsing pyrsistent pysam pysat pytest pytest_asyncio pytest_benchmark pytest_httpx
    python_solvespace pytz pywt pyxel pyxirr rasterio rateslib rebound reboundx referencing regex requests
    retrying rich river rpds ruamel rustworkx scipy screed setuptools shapefile shapely simplejson sisl
    sisl_toolbox six skimage sklearn smart_open sniffio sortedcontainers soundfile soupsieve sourmash soxr
    sparseqr sqlalchemy stack_data statsmodels strictyaml svgwrite swiglpk sympy taglib tblib termcolor
    texttable texture2ddecoder threadpoolctl tiktoken tiktoken_ext tlz tomli tomli_w toolz tqdm traitlets
    traits tree_sitter tree_sitter_go tree_sitter_java tree_sitter_python tskit typing_extensions tzdata ujson
    uncertainties unix_timezones unyt urllib3 vega_datasets wcwidth webencodings wordcloud wrapt xarray
    xgboost xlrd xxhash xyzservices yaml yarl yt zengl zfpy zstandard
"""
"""Pyodide 0.28.3."""

_PYTHON_3_14 = """
    Bio BioSQL CoolProp Crypto IPython InSpice MySQLdb PIL PhiSpyModules PhiSpyRepeatFinder
    _argon2_cffi_bindings _distutils_hack _pyrsistent_version _pytest _yaml _zengl affine aiohappyeyeballs
    aiohttp aiosignal altair annotated_doc annotated_types anyio argon2 astropy astropy_iers_data asttokens
    async_timeout asyncpg atomicwrites attr attrs audioop b2d bcrypt bigtests bilby_cython bitarray bitstring
    bleach bokeh boost_histogram bottleneck brotli bs4 cachetools cartopy casadi cbor_diag certifi cffi
    cffi_example cftime charset_normalizer clarabel click cligj clingo cloudpickle cmyt cobs colorspacious
    contourpy coverage crc32c crcmod cryptography cssselect cv2 cvxpy cycler cysignals cytoolz dateutil
    decorator demes deprecated deprecation diskcache distlib distro dns docutils donfig duckdb erfa
    ewah_bool_utils exceptiongroup executing fastapi fiona flirt fontTools freesasa frozenlist fsspec future
    galpy geopandas gmpy2 google google_crc32c gridfs h11 h3 h5py healpy highspy html5lib httpcore httpx idna
    igraph imageio iminuit iniconfig isympy jedi jinja2 jiter joblib jsonpatch jsonpointer jsonschema
    jsonschema_specifications kiwisolver lakers lazy_loader lazy_object_proxy libcst librt lightgbm logbook
    lxml lz4 markupsafe matplotlib matplotlib-inline memory_allocator micropip ml_dtypes mmh3 more_itertools
    mpl_toolkits mpmath msgpack msgspec msprime multidict munch mypy mypyc nacl narwhals ndindex netCDF4
    networkx newick nh3 nlopt nltk numcodecs numpy openai optlang orjson packaging pandas parso patsy pcodec
    peewee pi_heif pillow_heif pkgconfig platformdirs pluggy ply polars prompt_toolkit propcache psycopg
    psycopg_binary psycopg_c pure_eval py pyarrow pyclipper pycparser pydantic pydantic_core pydoc_data pygame
    pygments pyheif pyiceberg pyinstrument pylab pymongo pyodide_http pyparsing pyproj pyroaring pyrodigal
    pyrsistent pysam pysat pytest pytest_asyncio pytest_benchmark pytest_httpx python_calamine
    python_solvespace pytz pywt pyxirr rasterio rateslib rebound reboundx referencing regex requests retrying
    rich rpds ruamel safetensors scipy screed sentencepiece setuptools shapefile shapely simplejson sisl
    sisl_toolbox six skimage sklearn smart_open sniffio sortedcontainers soundfile soupsieve sourmash soxr
    sparseqr sqlalchemy stack_data starlette statsmodels strictyaml svgwrite swiglpk sympy taglib tblib
    termcolor texttable texture2ddecoder threadpoolctl tiktoken tiktoken_ext tlz tomli tomli_w toolz tqdm
    traitlets traits tree_sitter tree_sitter_go tree_sitter_java tree_sitter_python tskit typing_extensions
    typing_inspection tzdata ujson uncertainties unix_timezones unyt urllib3 vega_datasets vrplib wcwidth
    webencodings wordcloud wrapt xarray xgboost xlrd xxhash xyzservices yaml yarl yt zarr zengl zfpy zstandard
"""
"""Pyodide 314.0.7."""

MODULES: dict[str, frozenset[str]] = {
    "3.12": frozenset(_PYTHON_3_12.split()),
    "3.13": frozenset(_PYTHON_3_13.split()),
    "3.14": frozenset(_PYTHON_3_14.split()),
}
"""By version of Python, the top-level modules of those packages."""
